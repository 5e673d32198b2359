"""What is installed: dependencies, their lock, and what a wheel holds."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import proxy

ROOT = Path(__file__).parents[1]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = re.compile(
    r"^([a-z0-9-]+)==(\S+)(?: ;[^\n]*)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.MULTILINE
)
DIRECT = [
    *PYPROJECT["project"]["dependencies"],
    *[line for lines in PYPROJECT["project"]["optional-dependencies"].values() for line in lines],
    *[line for lines in PYPROJECT["dependency-groups"].values() for line in lines],
    *PYPROJECT["build-system"]["requires"],
]
"""Every requirement that `pyproject.toml` states."""


@pytest.fixture(scope="module")
def pins() -> dict[str, str]:
    """Locked versions by name; only packages with a hash."""
    return {name: version for name, version, _ in PINNED.findall(LOCK)}


@pytest.mark.parametrize("line", DIRECT)
def test_the_lock_holds_every_direct_dependency_within_its_bounds(pins, line) -> None:
    asked = Requirement(line)
    assert asked.specifier, "a dependency carries bounds"
    assert asked.specifier.contains(pins[canonicalize_name(asked.name)])


def test_every_line_of_the_lock_is_a_pin_with_hashes_a_hash_or_a_comment(pins) -> None:
    lines = [line for line in LOCK.splitlines() if line and not line.lstrip().startswith("#")]
    hashes = [line for line in lines if line.startswith("    --hash=sha256:")]
    assert len(lines) - len(hashes) == len(pins)


def test_the_lock_names_no_host_and_no_machine() -> None:
    assert "://" not in LOCK
    assert not re.search(r"(?<![\w-])/\w+/|--(?:extra-)?(?:index|default-index|find-links)\b", LOCK)
    assert not [line for line in DIRECT if "@" in line]


def test_the_lock_says_how_it_is_made_and_covers_every_group() -> None:
    command = LOCK.splitlines()[1]
    groups = re.findall(r"--group (\S+)", command)
    assert sorted(groups) == sorted(PYPROJECT["dependency-groups"])
    for option in ("--all-extras", "--universal", "--generate-hashes", "--no-emit-index-url"):
        assert option in command


def test_litellm_stays_in_the_range_that_was_read() -> None:
    (litellm,) = [Requirement(line) for line in DIRECT if Requirement(line).name == "litellm"]
    assert not litellm.extras
    allowed = ["1.82.7", "1.82.8", "1.83.7", "1.106.1", "1.106.2", "1.107.0", "2.0.0"]
    assert list(litellm.specifier.filter(allowed)) == ["1.106.2"]


def test_what_is_imported_is_declared() -> None:
    provided = importlib.metadata.packages_distributions()
    declared = {canonicalize_name(Requirement(line).name) for line in DIRECT}
    undeclared = {
        name
        for name in imported(ROOT / "proxy")
        if name not in sys.stdlib_module_names
        and name != "proxy"
        and name in provided
        and not declared & {canonicalize_name(package) for package in provided[name]}
    }
    assert undeclared == set()


def imported(folder: Path) -> Iterator[str]:
    """The top-level names of all modules that are imported below a folder."""
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            yield from (name.partition(".")[0] for name in names_of(node))


def names_of(node: ast.AST) -> Iterable[str]:
    match node:
        case ast.Import():
            return [alias.name for alias in node.names]
        case ast.ImportFrom(module=str() as module):
            return [module]
        case _:
            return []


def test_the_version_is_one_everywhere() -> None:
    assert proxy.__version__ == PYPROJECT["project"]["version"] == importlib.metadata.version("graft-proxy")
    assert f"### {proxy.__version__}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_a_wheel_holds_the_code_the_weights_and_the_licence(tmp_path) -> None:
    pytest.importorskip("hatchling", reason="the build backend is not installed: `uv sync --group build` brings it")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as held:
        names = set(held.namelist())
        (metadata,) = [name for name in names if name.endswith("/METADATA")]
        described = held.read(metadata).decode()
    for needed in ("proxy/py.typed", "proxy/routing/weights/minilm.json", "proxy/cli/main.py"):
        assert needed in names
    assert {name.partition("/")[0] for name in names} == {"proxy", metadata.partition("/")[0]}
    assert "License-Expression: MIT" in described
