"""Makes the environments of real clients, as pinned: `python -m tests.clients.install`; `--lock` makes the pins anew.

What is there already stays, so a second run takes no time. Which indexes are asked is the environment's business: pins name
versions and hashes, and no host.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.clients.environments import AIDER, ALL, LIBRARIES, LITELLM, NODE, PINS, Environment

COMPILE = (
    "--python-version",
    "3.11",
    "--universal",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-header",
    "--quiet",
)
NPM = ("--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--no-update-notifier", "--loglevel=error")


def main() -> None:
    if sys.argv[1:] == ["--lock"]:
        lock()
    for environment in ALL:
        if not environment.mark.exists():
            began = time.monotonic()
            make(environment)
            environment.mark.touch()
            print(f"{environment.name}: made in {time.monotonic() - began:.0f} s")


def make(environment: Environment) -> None:
    """Install what is pinned; what an interrupted run left is gone on with."""
    folder = environment.folder
    if environment is NODE:
        folder.mkdir(parents=True, exist_ok=True)
        for pin in environment.pins:
            shutil.copy(pin, folder)
        npm("ci", folder)
        return
    if not environment.program("python").exists():
        run(*uv(), "venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
    (pins,) = environment.pins
    python = str(environment.program("python"))
    run(*uv(), "pip", "sync", "--quiet", "--python", python, "--require-hashes", str(pins))


def lock() -> None:
    """Resolve the pins from the versions asked for, in `pins/*.in` and `pins/node/package.json`."""
    for environment in (LIBRARIES, LITELLM, AIDER):
        wanted, pins = PINS / f"{environment.name}.in", PINS / f"{environment.name}.txt"
        run(*uv(), "pip", "compile", *COMPILE, wanted.name, "-o", pins.name, cwd=PINS)
    if not LIBRARIES.mark.exists():
        make(LIBRARIES)  # npm comes with it
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(PINS / "node" / "package.json", folder)
        npm("install", Path(folder), "--package-lock-only", "--omit-lockfile-registry-resolved")
        found = json.loads((Path(folder) / "package-lock.json").read_text())
    (PINS / "node" / "package-lock.json").write_text(json.dumps(slim(found), indent=2) + "\n")


def slim(found: dict) -> dict:
    """A lock without optional packages and without addresses."""
    packages = {name: entry for name, entry in found["packages"].items() if not entry.get("optional")}
    for entry in packages.values():
        for field in ("resolved", "funding", "optionalDependencies"):
            entry.pop(field, None)
    return {**found, "packages": packages}


def npm(command: str, folder: Path, *options: str) -> None:
    path = f"{LIBRARIES.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run(str(LIBRARIES.program("npm")), command, *NPM, *options, cwd=folder, env={**os.environ, "PATH": path})


def uv() -> list[str]:
    found = shutil.which("uv")
    return [found] if found else [sys.executable, "-m", "uv"]


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    try:
        subprocess.run(command, cwd=cwd, env=env, check=True)
    except subprocess.CalledProcessError as failed:
        sys.exit(f"Could not install the clients: {failed}")


if __name__ == "__main__":
    main()
