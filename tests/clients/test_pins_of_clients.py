"""What the clients' pins name: exact versions with hashes, what was asked for, and no host."""

from __future__ import annotations

import json
import re

import pytest

from tests.clients.environments import AIDER, LIBRARIES, LITELLM, NODE, PINS, Environment

PINNED = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ;[^\n]*)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", re.MULTILINE
)
PYTHON = [LIBRARIES, LITELLM, AIDER]


@pytest.mark.parametrize("environment", PYTHON, ids=lambda one: one.name)
def test_python_clients_are_pinned_with_hashes_and_name_no_host(environment: Environment) -> None:
    text = (PINS / f"{environment.name}.txt").read_text()
    pins = dict(PINNED.findall(text))
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith(("#", "--hash="))]
    assert len(lines) == len(PINNED.findall(text))
    assert "://" not in text
    wanted = (PINS / f"{environment.name}.in").read_text()
    for name, version in re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==(\S+)$", wanted, re.MULTILINE):
        assert pins[name] == version


def test_node_clients_are_pinned_with_hashes_and_name_no_host() -> None:
    package, lock = (json.loads(pin.read_text()) for pin in NODE.pins)
    root = lock["packages"].pop("")
    assert root["dependencies"] == package["dependencies"]
    for name, version in package["dependencies"].items():
        assert lock["packages"][f"node_modules/{name}"]["version"] == version
    assert all(entry["integrity"].startswith("sha512-") for entry in lock["packages"].values())
    assert "://" not in NODE.pins[1].read_text()


def test_a_changed_pin_asks_for_another_environment(tmp_path) -> None:
    pins = tmp_path / "pins.txt"
    pins.write_text("a==1")
    environment = Environment("own", (pins,))
    before = environment.folder
    assert environment.folder == before
    pins.write_text("a==2")
    assert environment.folder != before
