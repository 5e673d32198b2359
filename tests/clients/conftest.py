"""Real clients as programs of their own: a user of the served Graft with a home folder, and no way out to the network."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from proxy.domain.tree import Node
from tests.clients.environments import AIDER, AIDER_INSTALLS, COMMAND, LIBRARIES, LITELLM, NODE, Environment
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served

DRIVERS = Path(__file__).with_name("drivers")
NOBODY = "http://127.0.0.1:9"
"""A proxy that is not there: a client that asks anybody but Graft fails."""
RUN_S = 180
collect_ignore = [] if AIDER_INSTALLS else ["test_aider_edits_and_commits.py"]


class Person:
    """Somebody who uses programs; the key and the folders are their own."""

    def __init__(self, graft: Served, upstream: UpstreamDouble, home: Path) -> None:
        self.graft = graft
        self.upstream = upstream
        self.home = home
        self.key, self.user = graft.key()

    def run(self, *command: str | Path, at: Path | None = None, told: str = "", **variables: str) -> str:
        """Run a program to its end and give what it wrote; it must end well."""
        done = subprocess.run(
            [str(part) for part in command],
            cwd=at or self.home,
            env={**self._environment(), **variables},
            input=told,
            capture_output=True,
            text=True,
            timeout=RUN_S,
            check=False,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def drive(self, driver: str, turns: list[str], python: str | Path = sys.executable) -> Any:
        """Have a driver say these turns, in Python or in Node.js, and give what it tells."""
        if driver.endswith(".py"):
            return json.loads(self.run(python, DRIVERS / driver, json.dumps(turns)))
        shutil.copy(DRIVERS / driver, self.home)
        (self.home / "node_modules").symlink_to(NODE.folder / "node_modules")
        return json.loads(self.run(LIBRARIES.program("node"), self.home / driver, json.dumps(turns)))

    def nodes(self) -> list[Node]:
        return self.graft.nodes(self.user)

    def asides(self) -> dict[str, int]:
        """What was answered and not remembered, and how often."""
        return {entry["name"]: entry["count"] for entry in self._told("/api/asides")["data"]}

    def turns(self) -> list[tuple[str, ...]]:
        """The turns that were decided about, as the tree API tells them: a turn's route, then the roles of its messages."""
        turns: dict[str, list[str]] = {}
        for node in self.nodes():
            told = self._told(f"/api/nodes/{node.id}/route")
            if told["decision"] is not None:
                turns.setdefault(told["turn_id"], [told["decision"]["route"]]).append(node.message.role)
        return [tuple(turn) for turn in turns.values()]

    def _told(self, path: str) -> Any:
        answer = httpx.get(self.graft.url + path, headers={"Authorization": f"Bearer {self.key}"}, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def _environment(self) -> dict[str, str]:
        folders = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA", "STATE")}
        return {
            **folders,
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "PATH": f"{LIBRARIES.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "OPENAI_API_KEY": self.key,
            "OPENAI_BASE_URL": f"{self.graft.url}/v1",
            "OPENAI_API_BASE": f"{self.graft.url}/v1",
            "OPENAI_MODEL": "gpt-test",
            "HTTP_PROXY": NOBODY,
            "HTTPS_PROXY": NOBODY,
            "NO_PROXY": "127.0.0.1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }


@pytest.fixture
def person(graft: Served, upstream: UpstreamDouble, tmp_path: Path) -> Iterator[Person]:
    yield Person(graft, upstream, tmp_path)
    assert graft.violations() == []


@pytest.fixture(scope="session")
def libraries() -> Environment:
    return installed(LIBRARIES)


@pytest.fixture(scope="session")
def litellm() -> Environment:
    return installed(LITELLM)


@pytest.fixture(scope="session")
def aider() -> Environment:
    if shutil.which("git") is None:
        pytest.skip("git is not installed, and aider commits with it")
    return installed(AIDER)


@pytest.fixture(scope="session")
def node() -> Environment:
    installed(LIBRARIES)  # Node.js itself
    return installed(NODE)


def installed(environment: Environment) -> Environment:
    if not environment.mark.exists():
        pytest.skip(f"the clients of {environment.folder.name!r} are not installed: `{COMMAND}` does it")
    return environment
