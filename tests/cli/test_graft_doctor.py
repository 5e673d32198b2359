"""`graft doctor`: each trouble is found, named, and comes with what to do; no secret is ever shown."""

from __future__ import annotations

import email.utils
import json
import os
import re
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from proxy.cli.main import graft as cli
from proxy.routing.program import PROMPT_VERSION
from tests.doubles.disks import fill, small_disk
from tests.doubles.running import UpstreamDouble, free_port
from tests.doubles.served import Served, clean_environment

KEY = "sk-the-right-key-123456"


class Provider(HTTPServer):
    """Lists its models to who has the key, by a clock of its own."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Listing)
        self.ahead_s = 0.0
        self.status = 200

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Listing(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        status = self.server.status if self.headers.get("authorization") == f"Bearer {KEY}" else 401
        body = json.dumps({"data": [{"id": "there"}]}).encode()
        self.send_response_only(status)
        self.send_header("date", email.utils.formatdate(time.time() + self.server.ahead_s, usegmt=True))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in set(os.environ) - set(clean_environment()):
        monkeypatch.delenv(name)
    return tmp_path


def model(name: str = "there", base: str = "http://127.0.0.1:9/v1", key: str = KEY) -> dict[str, Any]:
    params = {"model": f"openai/{name}", "api_base": base, "api_key": key}
    return {"model_name": name, "litellm_params": params, "model_info": {"lane": "raw"}}


def write(folder: Path, **settings: Any) -> str:
    config = folder / "config.json"
    base = {"routing": {"embedder": "static"}, "server": {"port": 0}}
    config.write_text(json.dumps({**base, **settings}))
    config.chmod(0o600)
    return str(config)


def run(config: str, *options: str) -> Result:
    return CliRunner().invoke(cli, ["doctor", "--config", config, *options])


def found(config: str, *options: str) -> tuple[int, dict[str, dict[str, str]]]:
    """The exit status, and each check's finding."""
    ran = run(config, "--json", *options)
    return ran.exit_code, {one["check"]: one for one in json.loads(ran.stdout)}


def test_before_the_first_start_all_is_well_and_nothing_is_made(folder: Path, provider: Provider) -> None:
    status, checks = found(write(folder, model_list=[model(base=provider.base)]))
    assert {one["state"] for one in checks.values()} == {"ok"}, checks
    assert status == 0
    assert "and has there" in checks["model there"]["told"]
    assert sorted(path.name for path in folder.iterdir()) == ["config.json"]


def test_every_wrong_key_of_a_broken_configuration_is_named(folder: Path) -> None:
    status, checks = found(write(folder, server={"hots": 1, "port": "x"}))
    assert status == 1
    assert "server.hots" in checks["configuration"]["told"]
    assert "server.port" in checks["configuration"]["told"]
    assert checks["dependencies"]["state"] == "ok"
    (folder / "config.json").write_text("{ no: [yaml")
    status, checks = found(str(folder / "config.json"))
    assert (status, checks["configuration"]["state"]) == (1, "fail")


def test_a_fallback_that_is_not_configured_is_a_finding_among_the_others(folder: Path, provider: Provider) -> None:
    status, checks = found(
        write(folder, model_list=[model(base=provider.base)], upstream={"fallbacks": {"there": ["no"]}})
    )
    assert status == 1
    assert "upstream.fallbacks names the model 'no'" in checks["settings"]["told"]
    assert checks["port"]["state"] == "ok"


def test_a_program_that_cannot_be_used_is_told(folder: Path, provider: Provider) -> None:
    file, routing = folder / "program.json", {"model": "there", "program": "program.json"}
    file.write_text('{"a": 1}')
    status, checks = found(write(folder, model_list=[model(base=provider.base)], routing=routing))
    assert status == 1
    assert "no program of `graft optimize`" in checks["settings"]["told"]
    part = {"signature": {"instructions": "i", "fields": []}, "demos": [], "lm": None}
    made = {"dependency_versions": {"a library that nobody knows": "1"}}
    whole = {**dict.fromkeys(("compare", "find", "rank"), part), "metadata": made, "prompt_version": PROMPT_VERSION}
    file.write_text(json.dumps(whole))
    status, checks = found(write(folder, model_list=[model(base=provider.base)], routing=routing))
    assert (status, checks["routing.program"]["state"]) == (1, "fail")
    assert "a library that nobody knows" in checks["routing.program"]["told"]


@pytest.mark.parametrize("host", ["no host\n", "no host", "a" * 300])
def test_a_host_that_is_no_name_is_a_finding(folder: Path, host: str) -> None:
    status, checks = found(write(folder, server={"host": host, "port": free_port()}))
    assert (status, checks["port"]["state"]) == (1, "fail")


def test_a_variable_that_nobody_set_is_named_with_who_needs_it(folder: Path) -> None:
    status, checks = found(write(folder, model_list=[model(key="os.environ/NOBODY_SET_THIS")]))
    assert status == 1
    assert checks["variables"]["told"] == "NOBODY_SET_THIS is not set; model 'there' needs it."
    assert checks["variables"]["do"].startswith("export NOBODY_SET_THIS")


@pytest.mark.parametrize(
    ("entry", "state", "told"),
    [
        ({"base": "http://127.0.0.1:9/v1"}, "fail", "cannot be reached"),
        ({"base": "http://not an address"}, "fail", "cannot be reached"),
        ({"key": "sk-some-other-key-1"}, "fail", "does not take the key (401)"),
        ({"name": "missing"}, "warn", "has no missing; it has there"),
    ],
)
def test_what_is_wrong_with_a_model_is_told(
    folder: Path, provider: Provider, entry: dict[str, str], state: str, told: str
) -> None:
    entry = {"base": provider.base, **entry}
    status, checks = found(write(folder, model_list=[model(**entry)]))
    finding = checks[f"model {entry.get('name', 'there')}"]
    assert finding["state"] == state
    assert told in finding["told"]
    assert finding["do"]
    assert status == (1 if state == "fail" else 0)


def test_a_clock_that_is_wrong_is_told(folder: Path, provider: Provider) -> None:
    provider.ahead_s = -3600
    ran = run(write(folder, model_list=[model(base=provider.base)]), "--json")
    clocks = [one for one in json.loads(ran.stdout) if one["check"] == "clock"]
    assert clocks[-1]["state"] == "warn"
    assert re.search(r"\b36\d\d s ahead", clocks[-1]["told"])  # the answer itself takes a while


def test_a_model_is_asked_only_where_that_is_wanted(folder: Path, upstream: UpstreamDouble) -> None:
    config = write(folder, model_list=[model("gpt-double", upstream.base_url), model("status-401", upstream.base_url)])
    _, checks = found(config)
    assert upstream.requests() == []
    status, checks = found(config, "--ask")
    assert [request["body"]["max_tokens"] for request in upstream.requests()] == [1, 1]
    assert checks["answer of gpt-double"]["state"] == "ok"
    assert checks["answer of status-401"]["state"] == "fail"
    assert status == 1


def made(folder: Path) -> Path:
    """A database that a command made."""
    CliRunner().invoke(cli, ["keys", "add", "ann", "--config", write(folder)], catch_exceptions=False)
    return folder / "graft.db"


def test_a_sound_database_is_told_with_its_keys(folder: Path) -> None:
    made(folder)
    _, checks = found(write(folder))
    told = {name: checks[name]["told"] for name in ("keys", "writing", "permissions", "servers")}
    assert told == {
        "keys": "1 valid.",
        "writing": "The database can be written.",
        "permissions": "The database is its owner's alone.",
        "servers": "No server has used the database yet.",
    }
    assert "is sound" in checks["store"]["told"]


def test_a_database_that_others_may_read_is_told(folder: Path) -> None:
    made(folder).chmod(0o644)
    _, checks = found(write(folder))
    assert checks["permissions"]["state"] == "warn"
    assert checks["permissions"]["do"].startswith("chmod 600 ")


def test_what_is_no_database_and_what_is_damaged_is_told(folder: Path) -> None:
    path = made(folder)
    whole = path.read_bytes()
    path.write_bytes(b"no database at all" * 1000)
    status, checks = found(write(folder))
    assert (status, checks["store"]["state"]) == (1, "fail")
    path.write_bytes(whole[:4096] + b"\xff" * 4096 + whole[8192:])
    status, checks = found(write(folder))
    assert (status, checks["store"]["state"]) == (1, "fail")
    assert "graft restore" in checks["store"]["do"]


def test_a_database_of_a_newer_graft_and_of_an_older_one_are_told_and_left_alone(folder: Path) -> None:
    path = made(folder)
    for version, state in ((9_999, "fail"), (1, "warn")):
        with sqlite3.connect(path) as db:
            db.execute(f"PRAGMA user_version = {version}")
        db.close()
        ran = run(write(folder), "--json")
        told = [one for one in json.loads(ran.stdout) if one["check"] == "store"]
        assert told[0]["state"] == state
        with sqlite3.connect(path) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (version,)
        db.close()


def test_a_database_that_is_locked_is_told(folder: Path) -> None:
    holder = sqlite3.connect(made(folder), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    _, checks = found(write(folder))
    holder.execute("ROLLBACK")
    holder.close()
    assert checks["writing"]["state"] == "warn"


def test_a_folder_that_cannot_be_written_is_told(folder: Path) -> None:
    (folder / "a file").touch()
    _, checks = found(write(folder, storage={"url": f"sqlite:///{folder}/a file/graft.db"}))
    assert checks["store"]["state"] == "fail"


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("/proc/nope/x.db", "/proc keeps no files"),
        ("{folder}/a file/x.db", "a file is a file"),
        ("{folder}", "is a folder"),
    ],
)
def test_why_a_database_cannot_be_made_is_told_and_nothing_is_blamed_that_is_well(
    folder: Path, file: str, told: str
) -> None:
    (folder / "a file").touch()
    status, checks = found(write(folder, storage={"url": f"sqlite:///{file.format(folder=folder)}"}))
    assert (status, checks["store"]["state"]) == (1, "fail")
    assert told in checks["store"]["told"]
    assert "storage.url" in checks["store"]["do"]
    assert not {"disk", "permissions"} & set(checks)


def test_a_full_disk_is_one_that_cannot_be_written(folder: Path) -> None:
    with small_disk(folder / "disk", 6) as disk:
        config = write(folder, storage={"url": f"sqlite:///{disk}/graft.db"})
        assert CliRunner().invoke(cli, ["keys", "add", "ann", "--config", config]).exit_code == 0
        with closing(sqlite3.connect(disk / "graft.db")) as used:
            used.execute("SELECT * FROM users").fetchall()
            fill(disk)
            status, checks = found(config)
            assert (status, checks["disk"]["state"], checks["store"]["state"]) == (1, "fail", "ok")
            assert (checks["writing"]["state"], checks["writing"]["do"]) == ("fail", "Make room on it.")
        (disk / "ballast").rename(disk / "more")
        fill(disk)
        status, checks = found(config)  # who uses the database makes a file beside it, for which there is no room now
    assert (status, checks["store"]["state"], checks["store"]["do"]) == (1, "fail", "Make room on it.")


@pytest.mark.parametrize("base", ["127.0.0.1:4999", "ftp://x", "//host/v1", "user:pa55word99@host"])
def test_an_address_without_http_is_told_before_anybody_asks_there(folder: Path, base: str) -> None:
    config = write(folder, model_list=[model(base=base)])
    status, checks = found(config)
    assert (status, checks["models"]["state"]) == (1, "fail")
    assert "litellm_params.api_base of model 'there' needs http:// or https://" in checks["models"]["told"]
    assert "pa55word99" not in checks["models"]["told"]


def test_a_port_that_another_program_has_is_told(folder: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        status, checks = found(write(folder, server={"port": other.getsockname()[1]}))
    assert (status, checks["port"]["state"]) == (1, "fail")
    _, checks = found(write(folder, server={"port": free_port()}))
    assert checks["port"]["state"] == "ok"


def test_what_is_open_to_others_is_told(folder: Path) -> None:
    status, checks = found(write(folder, server={"host": "0.0.0.0", "port": 0, "log_content": True}))
    assert (status, checks["exposure"]["state"]) == (1, "fail")
    assert checks["log"]["state"] == "warn"
    config = write(folder, model_list=[model()])
    Path(config).chmod(0o644)
    _, checks = found(config)
    assert checks["configuration file"]["state"] == "warn"


def test_no_secret_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "plain-words-as-a-key")
    entries = [
        model("one", "http://ann:pa55word99@127.0.0.1:9/v1"),
        model("two", "http://127.0.0.1:9/plain-words-as-a-key/v1?api_key=abcdef123456", "os.environ/MY_API_KEY"),
    ]
    config = write(folder, model_list=entries, metrics={"token": "figures-secret-1"})
    for ran in (run(config), run(config, "--json")):
        for secret in ("pa55word99", "plain-words", "abcdef123456", "the-right-key", "figures-secret"):
            assert secret not in ran.output


def test_beside_a_running_server_nothing_is_disturbed(graft: Served) -> None:
    ran = run(str(graft.config), "--json")
    checks = {one["check"]: one for one in json.loads(ran.stdout)}
    assert checks["servers"]["told"] == "A server is using the database."
    assert {checks[name]["state"] for name in ("store", "writing", "keys")} == {"ok"}
    assert graft.violations() == []


def test_a_database_on_a_read_only_disk_is_looked_at_and_the_disk_is_told(folder: Path) -> None:
    with small_disk(folder / "disk", 6) as disk:
        config = write(folder, storage={"url": f"sqlite:///{disk}/graft.db"})
        assert CliRunner().invoke(cli, ["keys", "add", "ann", "--config", config]).exit_code == 0
        (disk / "graft.db.lock").touch()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        status, checks = found(config)
    assert status == 1
    assert checks["permissions"]["state"] == "fail"
    assert "is read-only" in checks["permissions"]["told"]
    assert "is sound" in checks["store"]["told"]
    assert "writing" not in checks
    assert checks["servers"]["told"] == "No server is using the database."
