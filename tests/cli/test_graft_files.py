"""`graft export` and `graft import` on a database file."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import graft
from tests.doubles.served import clean_environment

CHAT = [{"role": "user", "content": "How do locks work?"}, {"role": "assistant", "content": "With water."}]
NOTEBOOK = {
    "tree_id": "lessons",
    "branches": [
        {"id": "side", "parent_id": 1, "attachment_point": 0, "messages": [{"role": "user", "content": "And weirs?"}]},
        {"id": 1, "parent_id": None, "messages": CHAT},
    ],
}

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    for name in [name for name in os.environ if name.startswith("GRAFT")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GRAFT__STORAGE__URL", f"sqlite:///{tmp_path}/graft.db")
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments: str, fails: bool = False, given: bytes | None = None) -> Result:
        result = CliRunner().invoke(graft, arguments, input=given)
        assert (result.exit_code != 0) is fails, result.output
        return result

    return invoke


def test_a_notebook_comes_in_and_goes_out_in_every_format(run: Run, tmp_path: Path):
    Path("lessons.json").write_text(json.dumps(NOTEBOOK))
    assert "Made the tree 'lessons' of 'local': 3 nodes added." in run("import", "lessons.json").stderr
    assert "0 nodes added, 3 were there before" in run("import", "lessons.json").stderr
    out = json.loads(run("export", "--tree", "lessons", "--format", "notebook").stdout)
    assert [branch["messages"] for branch in out["branches"]] == [CHAT, [{"role": "user", "content": "And weirs?"}]]
    assert out["branches"][1]["attachment_point"] == 0
    chat = json.loads(run("export", "--tree", "lessons", "--format", "openai_chat").stdout)
    assert [message["content"] for message in chat] == ["How do locks work?", "And weirs?"]
    assert "With water." in run("export", "--tree", "lessons", "--format", "markdown").stdout
    run("verify")


def test_a_native_file_is_for_its_owners_eyes_and_comes_back_as_it_was(run: Run, tmp_path: Path):
    run("import", "-", given=json.dumps(CHAT).encode())
    run("export", "-o", "main.json")
    first = Path("main.json").read_bytes()
    assert stat.S_IMODE(Path("main.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir() if "main" in path.name] == ["main.json"]
    assert "2 got a new id" in run("import", "main.json", "--user", "eve").stderr
    Path("graft.db").rename("old.db")
    run("import", "main.json", "--user", "bob")
    run("export", "--user", "bob", "-o", "again.json")
    assert Path("again.json").read_bytes() == first


def test_a_branch_is_exported_by_its_node_and_hung_under_another(run: Run):
    Path("lessons.json").write_text(json.dumps(NOTEBOOK))
    run("import", "lessons.json")
    nodes = json.loads(run("export", "--tree", "lessons").stdout)["nodes"]
    branch = run("export", "--node", nodes[1]["id"]).stdout
    assert [node["message"] for node in json.loads(branch)["nodes"]] == CHAT
    told = run("import", "-", "--node", nodes[2]["id"], given=json.dumps(CHAT).encode()).stderr
    assert "Grew the tree 'lessons'" in told
    assert len(json.loads(run("export", "--tree", "lessons").stdout)["nodes"]) == 5


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["export"], "has no tree 'main'. It has: lessons."),
        (["export", "--user", "eve"], "It has none yet."),
        (["export", "--node", "n_7"], "'n_7' does not exist"),
        (["export", "--tree", "lessons", "-o", "missing/out.json"], "'missing/out.json' cannot be written"),
        (["export", "--tree", "lessons", "-o", "graft.db"], "'graft.db' belongs to the database"),
        (["export", "graft.db"], "'graft.db' belongs to the database"),
        (["export", "graft.db-wal", "--force"], "'graft.db-wal' belongs to the database"),
        (["optimize", "--user", "local", "--out", "graft.db"], "'graft.db' belongs to the database"),
        (["optimize", "--embedded", "--user", "local", "--out", "graft.db"], "'graft.db' belongs to the database"),
        (["optimize", "--embedded", "--bench", ".", "--out", "graft.db"], "'graft.db' belongs to the database"),
        (["eval", "--user", "local", "--predictions", "graft.db"], "'graft.db' belongs to the database"),
        (["import", "missing.json"], "'missing.json' cannot be read: No such file"),
        (["import", "."], "cannot be read"),
        (["import", "lessons.json", "--format", "native"], "not Graft's own format"),
        (["import", "lessons.json", "--node", "n_7"], "'n_7' does not exist"),
        (["import", "cut.json"], "not JSON"),
    ],
)
def test_what_goes_wrong_is_said_on_one_line(run: Run, arguments: list[str], says: str):
    Path("lessons.json").write_text(json.dumps(NOTEBOOK))
    Path("cut.json").write_text(json.dumps(NOTEBOOK)[:90])
    run("import", "lessons.json")
    before = run("export", "--tree", "lessons").stdout
    result = run(*arguments, fails=True)
    assert says in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert result.stdout == ""
    assert run("export", "--tree", "lessons").stdout == before


def test_a_failed_export_leaves_the_file_that_was_there(run: Run, monkeypatch: pytest.MonkeyPatch):
    run("import", "-", given=json.dumps(CHAT).encode())
    Path("main.json").write_text("precious")

    def broken(*_: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr("proxy.cli.transfer.formats.write", broken)
    run("export", "-o", "main.json", "--force", fails=True)
    assert Path("main.json").read_text() == "precious"
    assert not [path for path in Path().iterdir() if path.name.startswith(".main")]


@pytest.mark.parametrize("arguments", [("-o", "out"), ("out",)], ids=["a tree", "everything of a user"])
def test_a_file_that_is_there_is_replaced_only_when_asked(run: Run, arguments: tuple[str, ...]):
    run("import", "-", given=json.dumps(CHAT).encode())
    Path("out").write_text("precious")
    assert "'out' is there already; --force" in run("export", *arguments, fails=True).stderr
    assert Path("out").read_text() == "precious"
    run("export", *arguments, "--force")
    assert Path("out").read_bytes() != b"precious"


def test_a_pipe_moves_a_tree_from_one_user_to_another(run: Run, tmp_path: Path):
    run("import", "-", given=json.dumps(CHAT).encode())
    environment = {**clean_environment(), "GRAFT__STORAGE__URL": f"sqlite:///{tmp_path}/graft.db"}
    command = f"{sys.executable} -m proxy"
    piped = f"{command} export | {command} import - --user eve"
    subprocess.run(["/bin/sh", "-c", piped], env=environment, check=True, capture_output=True)
    messages = [node["message"] for node in json.loads(run("export", "--user", "eve").stdout)["nodes"]]
    assert messages == CHAT


@pytest.mark.parametrize("command", [["verify"], ["tree"], ["export"], ["keys", "list"]], ids=" ".join)
def test_where_there_is_no_database_none_is_made(run: Run, tmp_path: Path, command: list[str]):
    told = run(*command, fails=True)
    assert "There is no database" in str(told.exception) + told.output
    assert "--config" in str(told.exception) + told.output
    assert not list(tmp_path.glob("graft.db*"))


def test_the_first_key_may_be_made_before_the_server_starts(run: Run):
    assert run("keys", "add", "ann").stdout.startswith("sk-graft-")
    assert "ann" in run("keys", "list").output
    assert "sound" in run("verify").output


def test_what_is_kept_beside_messages_goes_along_and_the_import_says_so(run: Run):
    document = {
        "graft": 3,
        "kind": "tree",
        "tree": {"id": "t_1", "name": "canals", "created_at": 1, "updated_at": 2, "personality": "tutor"},
        "personalities": [{"name": "tutor", "created_at": 1, "updated_at": 1, "system_prompt": "You teach."}],
        "zones": [],
        "nodes": [],
        "memories": [{"id": "m_1", "title": "Locks", "method": "hand", "created_at": 1, "updated_at": 1}],
        "end": {"zones": 0, "nodes": 0, "personalities": 1, "memories": 1},
    }
    Path("canals.json").write_text(json.dumps(document))
    assert "0 nodes added, with 1 personalities, 1 memories." in run("import", "canals.json").stderr
    again = run("import", "canals.json").stderr
    assert "memories" not in again
    assert "Your own personalities of the same name stay as they are: 'tutor'." in again
    assert json.loads(run("export", "--tree", "canals").stdout) == document
    assert run("verify").exit_code == 0
