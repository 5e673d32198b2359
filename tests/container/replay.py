"""Replays the Dockerfile without a container engine: its steps run in fresh roots made from Debian packages, and the server is started
there as the image would start it, without rights, on a read-only root file system with one writable volume.

    python tests/container/replay.py [--keep]

Needs root, debootstrap and the package registries. It checks that the server refuses strangers, prints a first key, answers with it,
keeps its data over a restart, and can write nowhere but in /data. What it does not show: layers, caching and the base image itself,
for which Debian's own Python stands in.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

REPOSITORY = Path(__file__).parents[2]
PACKAGES = "ca-certificates,python3,python3-pip,python3-venv"
START_S = 120


@dataclass
class Stage:
    """One stage of a Dockerfile: its root and what the instructions have set so far."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)

    def run(self, command: list[str], *, network: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.argv(command), env=self.environment(network=network), check=True, text=True)

    def argv(self, command: list[str]) -> list[str]:
        """The command inside the root, in the working directory, as the user."""
        inside = f"cd {shlex.quote(self.workdir)} && exec {shlex.join(command)}"
        return [
            shutil.which("chroot") or "/usr/sbin/chroot",
            f"--userspec={self.user}",
            str(self.root),
            "/bin/sh",
            "-c",
            inside,
        ]

    def environment(self, *, network: bool = False) -> dict[str, str]:
        plain = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}
        registries = {
            n: v for n, v in os.environ.items() if n.lower().startswith(("pip_", "uv_", "http", "no_proxy", "ssl_"))
        }
        return {**plain, **(registries if network else {}), **self.env}


def instructions(dockerfile: str) -> Iterator[tuple[str, str]]:
    """Instruction and argument, continued lines joined, comments left out."""
    lines = [line for line in dockerfile.splitlines() if not line.startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, argument = line.strip().partition(" ")
            yield name.upper(), argument.strip()


def base_root(folder: Path) -> Path:
    """A fresh Debian with Python, standing in for the base image."""
    root = folder / "base"
    mirror = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Codename: bookworm"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()[0]
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root), mirror], check=True
    )
    for marker in root.glob("usr/lib/python3.*/EXTERNALLY-MANAGED"):
        marker.unlink()  # the base image's Python is its own, not the distribution's
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for name in ("etc/resolv.conf", "etc/hosts", "etc/pip.conf"):
        if (Path("/") / name).exists():
            shutil.copy(Path("/") / name, root / name)
    certificates = Path("/etc/ssl/certs/ca-certificates.crt")
    shutil.copy(certificates, root / certificates.relative_to("/"))
    return root


def replay(dockerfile: str, folder: Path) -> Stage:
    """Run the instructions; returns the last stage."""
    base = base_root(folder)
    stages: dict[str, Stage] = {}
    stage = Stage(base)
    for name, argument in instructions(dockerfile):
        print(f"-- {name} {argument[:110]}", flush=True)
        if name == "FROM":
            root = folder / f"stage{len(stages)}"
            subprocess.run(["cp", "-a", str(base), str(root)], check=True)
            _, _, label = argument.lower().partition(" as ")
            stage = stages[label or str(len(stages))] = Stage(root)
        elif name == "COPY":
            copy(argument, stage, stages)
        else:
            step(name, argument, stage)
    return stage


def step(name: str, argument: str, stage: Stage) -> None:
    """Carry out one instruction that concerns its own stage only."""
    match name:
        case "ENV":
            stage.env |= dict(pair.split("=", 1) for pair in shlex.split(argument))
        case "WORKDIR":
            stage.workdir = argument
            (stage.root / argument.lstrip("/")).mkdir(parents=True, exist_ok=True)
        case "RUN":
            stage.run(["/bin/sh", "-ec", argument])
        case "USER":
            stage.user = argument
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(argument)
        case "CMD":
            stage.command = json.loads(argument)
        case "HEALTHCHECK":
            stage.healthcheck = json.loads(argument.partition("CMD ")[2])
        case "VOLUME" | "EXPOSE":
            pass
        case _:
            raise SystemExit(f"The replay does not know the instruction {name}.")


def copy(argument: str, stage: Stage, stages: dict[str, Stage]) -> None:
    *sources, target = argument.split()
    origin = REPOSITORY
    if sources[0].startswith("--from="):
        origin = stages[sources.pop(0).removeprefix("--from=")].root
    place = stage.root / (target if target.startswith("/") else f"{stage.workdir}/{target}").lstrip("/")
    for source in sources:
        found = origin / source.lstrip("/")
        if found.is_dir():
            shutil.copytree(
                found, place, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(found, place)


@contextmanager
def sealed(stage: Stage, volume: Path) -> Iterator[Stage]:
    """The root mounted read-only, with the volume at /data."""
    seal = Path(tempfile.mkdtemp(prefix="graft-sealed-"))
    mounted: list[Path] = []
    try:
        for source, at, options in (
            (stage.root, seal, "ro"),
            (volume, seal / "data", "rw"),
            (Path("/dev"), seal / "dev", "rw"),
        ):
            subprocess.run(["mount", "--bind", str(source), str(at)], check=True)
            mounted.append(at)
            subprocess.run(["mount", "-o", f"remount,bind,{options}", str(at)], check=True)
        yield Stage(seal, stage.env, stage.workdir, stage.user, stage.entrypoint, stage.command, stage.healthcheck)
    finally:
        for at in reversed(mounted):
            subprocess.run(["umount", str(at)], check=True)
        seal.rmdir()


@contextmanager
def started(image: Stage, port: int, log_file: Path) -> Iterator[None]:
    """The image's own command, running and ready."""
    command = image.argv([*image.entrypoint, *image.command])
    env = {**image.environment(), "GRAFT__SERVER__PORT": str(port)}
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while status(f"http://127.0.0.1:{port}/ready") != 200:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("The server did not start:\n" + log_file.read_text())
            time.sleep(0.2)
        yield
    finally:
        process.terminate()
        process.wait(timeout=30)


def status(url: str, key: str | None = None, body: dict[str, object] | None = None) -> int:
    headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
    try:
        with urlopen(Request(url, json.dumps(body).encode() if body else None, headers), timeout=30) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


def check(image: Stage, folder: Path) -> None:
    """Start the image twice on one volume and look at it from outside."""
    volume = folder / "volume"
    shutil.copytree(image.root / "data", volume)
    shutil.chown(volume, 10001, 10001)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    chat = {"model": "mirror", "messages": [{"role": "user", "content": "Hello from a container"}]}
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    with sealed(image, volume) as box:
        log_file = folder / "first.log"
        with started(box, port, log_file):
            found = re.search(r"The first key, shown only now: (\S+)", log_file.read_text())
            assert found, "the first start prints no key"
            key = found[1]
            assert status(url, None, chat) == 401, "a stranger is answered"
            assert status(url, key, chat) == 200, "the first key is refused"
            health = [part.replace(":4800", f":{port}") for part in box.healthcheck]
            subprocess.run(box.argv(health), env=box.environment(), check=True)
            denied = subprocess.run(
                box.argv(["touch", "/opt/graft/x"]), env=box.environment(), capture_output=True, check=False
            )
            assert denied.returncode != 0, "the root file system can be written to"
        with started(box, port, folder / "second.log"):
            assert "first key" not in (folder / "second.log").read_text(), "a second key was made"
            assert status(url, key, chat) == 200, "the key is gone after a restart"
        shown = subprocess.run(
            box.argv(["graft", "tree", "--user", "admin"]),
            env=box.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Hello from a container" in shown.stdout, shown.stderr
    print("The container starts, guards itself, writes to /data only, and remembers.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the roots for a look")
    keep = parser.parse_args().keep
    if os.geteuid() != 0 or not shutil.which("debootstrap"):
        sys.exit("This needs root and debootstrap (apt-get install debootstrap).")
    folder = Path(tempfile.mkdtemp(prefix="graft-container-"))
    try:
        check(replay((REPOSITORY / "Dockerfile").read_text(), folder), folder)
    finally:
        if keep:
            print(f"Kept in {folder}")
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
