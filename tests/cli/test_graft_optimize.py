"""`graft optimize` as a command, over a scripted upstream."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from click.testing import CliRunner

from proxy.app import create_app
from proxy.cli.main import graft
from proxy.cli.past import labelled
from proxy.config import load
from proxy.domain.tree import UserId
from proxy.errors import ConfigError
from proxy.store import SqliteStore
from tests.doubles.running import UpstreamDouble
from tests.store.client import Client

pytestmark = pytest.mark.anyio

SCORES = json.dumps(
    {
        "scores": [
            {"id": 1, "reasoning": "goes back to it", "relevance": 0.9, "rank": 1},
            {"id": 2, "reasoning": "other topic", "relevance": 0.1, "rank": 2},
        ]
    }
)


def cases_file(folder: Path) -> Path:
    lines = []
    for number in range(6):
        history = [
            {"id": "a", "parent": None, "role": "user", "content": f"How do I bake bread number {number}?"},
            {"id": "b", "parent": "a", "role": "assistant", "content": "Hot."},
            {"id": "c", "parent": None, "role": "user", "content": f"Which train goes to town {number}?"},
            {"id": "d", "parent": "c", "role": "assistant", "content": "The early one."},
        ]
        case = {"id": f"case-{number}", "kind": "return", "turn": "And with rye?", "active": "d", "gold": ["b"]}
        lines.append(json.dumps({**case, "gold_branch": ["a"], "history": history}))
    file = folder / "cases.jsonl"
    file.write_text("\n".join(lines))
    return file


def config_file(folder: Path, upstream: UpstreamDouble, **routing: object) -> Path:
    params = {"model": "openai/judge-model", "api_base": upstream.base_url, "api_key": "sk-x"}
    settings = {
        "model_list": [{"model_name": name, "litellm_params": params} for name in ("judge", "other")],
        "storage": {"url": f"sqlite:///{folder}/graft.db"},
        "routing": {"model": "judge", "mode": "tournament", "embedder": "minilm", **routing},
    }
    file = folder / "config.json"
    file.write_text(json.dumps(settings))
    return file


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(graft, ["optimize", *map(str, words)])
    return done.exit_code, done.output


def test_a_program_is_compiled_judged_written_and_loaded(tmp_path: Path, upstream: UpstreamDouble) -> None:
    upstream.script({"do": "say", "text": SCORES, "times": 500})
    output = tmp_path / "program.json"
    config = config_file(tmp_path, upstream)
    code, told = run("--cases", cases_file(tmp_path), "--output", output, "--budget-calls", 60, "--config", config)
    assert code == 0, told
    assert "before" in told
    assert "attach macro" in told
    assert "100.0" in told
    assert {body["model"] for body in upstream.bodies()} == {"judge-model"}
    assert len(upstream.requests()) <= 60
    program = json.loads(output.read_text())
    assert program["compare"]["demos"]
    assert program["compare"]["lm"] is None
    create_app(load(str(config_file(tmp_path, upstream, program=str(output)))), {})


def test_a_program_that_is_not_there_is_refused_at_the_start(tmp_path: Path, upstream: UpstreamDouble) -> None:
    with pytest.raises(ConfigError, match=r"routing.program names"):
        create_app(load(str(config_file(tmp_path, upstream, program="gone.json"))), {})


def test_what_is_missing_is_named(tmp_path: Path, upstream: UpstreamDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    cases, config = cases_file(tmp_path), config_file(tmp_path, upstream)
    assert "--user" in run("--config", config)[1]
    assert "nothing to learn from" in run("--user", "nobody", "--config", config)[1]
    with monkeypatch.context() as without:
        without.setattr("proxy.routing.optimizing.importlib.util.find_spec", lambda _: None)
        assert "pip install optuna" in run("--cases", cases, "--optimizer", "mipro", "--config", config)[1]
    assert "routing.model" in run("--cases", cases, "--config", config_file(tmp_path, upstream, model=None))[1]
    assert upstream.requests() == []


async def test_corrections_become_cases_of_the_tree_as_it_was() -> None:
    async with SqliteStore("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        await client.say("How does bread bake?", "Hot.")
        bread = client.nodes[-1]
        await client.say("Which train leaves?", "The early one.", under=None)
        train = client.nodes[-1]
        turn, _ = await client.say("And with rye?", "Longer.")
        await client.say("How long?", "An hour.")
        await store.move(UserId("ada"), turn, bread, "move")
        await store.correct(UserId("ada"), turn, bread, "move")
        (case,) = await labelled(store, UserId("ada"))
        assert (case.turn, case.active, case.gold, case.kind) == ("And with rye?", train, (bread,), "return")
        assert [node.text for node in case.history] == [
            "How does bread bake?",
            "Hot.",
            "Which train leaves?",
            "The early one.",
        ]
        assert case.gold_branch == {client.nodes[0]}


def test_a_users_corrections_shift_the_embedded_scorer(tmp_path: Path, upstream: UpstreamDouble) -> None:
    async def fill() -> None:
        async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
            client = await Client.of(store, "ada")
            await client.say("How does rye bread bake?", "Hot.")
            await client.say("Which train leaves for Rome?", "The early one.", under=None)
            turn, _ = await client.say("And with rye?", "Longer.")
            await store.move(UserId("ada"), turn, client.nodes[1], "move")
            await store.correct(UserId("ada"), turn, client.nodes[1], "move")

    anyio.run(fill)
    folder = tmp_path / "own"
    folder.mkdir()
    config = config_file(tmp_path, upstream, personal=str(folder))
    code, told = run("--embedded", "--user", "ada", "--config", config)
    assert code == 0, told
    assert "1 corrected turns" in told
    (file,) = folder.glob("*.json")
    assert json.loads(file.read_text())["user"] == "ada"
    create_app(load(str(config)), {})
    assert "corrected nothing" in run("--embedded", "--user", "bob", "--config", config)[1]
    assert "routing.personal" in run("--embedded", "--user", "ada", "--config", config_file(tmp_path, upstream))[1]
    assert upstream.requests() == []


def test_a_shift_that_helps_no_corrected_turn_is_not_written(tmp_path: Path, upstream: UpstreamDouble) -> None:
    async def fill() -> None:
        async with SqliteStore(f"sqlite:///{tmp_path}/graft.db") as store:
            client = await Client.of(store, "ada")
            await client.say("How does rye bread bake?", "Hot.")
            turn, _ = await client.say("Make that shorter, please.", "Hot!")
            await store.correct(UserId("ada"), turn, client.nodes[1], "move")  # where it would be placed anyhow

    anyio.run(fill)
    folder = tmp_path / "own"
    folder.mkdir()
    code, told = run("--embedded", "--user", "ada", "--config", config_file(tmp_path, upstream, personal=str(folder)))
    assert code == 0, told
    assert "100.0 % before, 100.0 % after" in told
    assert "Nothing was written" in told
    assert list(folder.iterdir()) == []
