"""A disk of a few megabytes that runs full, and a database that another process holds: every lane says so, and goes on afterwards."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.doubles.disks import fill, small_disk
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served, clean_environment, serving

WAIT_S = 120
MEGABYTES = 6


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with small_disk(tmp_path_factory.mktemp("small") / "disk", MEGABYTES) as folder:
        yield folder


@pytest.fixture(scope="module")
def served(disk: Path, tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    params = {"model": "openai/gpt-test", "api_base": upstream_process.base_url, "api_key": "sk-upstream"}
    settings = {
        "model_list": [{"model_name": "gpt-test", "litellm_params": params, "model_info": {"lane": "raw"}}],
        "routing": {"policy": "follow", "embedder": "static"},
        "storage": {"url": f"sqlite:///{disk}/graft.db"},
    }
    with serving(tmp_path_factory.mktemp("beside"), upstream_process, settings) as served:
        served.database = disk / "graft.db"
        yield served


def said(text: str, *, stream: bool = False) -> dict[str, object]:
    return {"model": "gpt-test", "messages": [{"role": "user", "content": text}], "stream": stream}


Lane = Callable[[httpx.Client], httpx.Response]
LANES: dict[str, Lane] = {
    "a plain chat": lambda http: http.post("/v1/chat/completions", json=said("Plain " * 4_000)),
    "a stream": lambda http: http.post("/v1/chat/completions", json=said("Streamed " * 4_000, stream=True)),
    "a write of the API": lambda http: http.put("/api/zones/user", json={"text": "Zone " * 4_000}),
}


def check_refused(answer: httpx.Response, lane: str) -> None:
    assert answer.status_code == 503, (lane, answer.text)
    assert int(answer.headers["retry-after"]) >= 1
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "server_error"


def goes_on(http: httpx.Client, served: Served, kept: str) -> None:
    """Every lane answers again, nothing that was acknowledged is lost, and the database is sound."""
    for lane, ask in LANES.items():
        assert ask(http).status_code == 200, lane
    assert http.get("/ready").status_code == 200
    assert http.get(f"/api/nodes/{kept}").status_code == 200
    assert served.violations() == []


def test_a_small_disk_that_is_full_is_told_on_every_lane_and_is_over_when_there_is_room(
    served: Served, disk: Path, upstream: UpstreamDouble
) -> None:
    with httpx.Client(base_url=served.url, timeout=WAIT_S) as http:
        kept = http.post("/v1/chat/completions", json=said("Before")).headers["x-graft-node"]
        ballast = fill(disk)
        try:
            for lane, ask in LANES.items():
                while (answer := ask(http)).status_code == 200:  # it found room in the log
                    fill(disk)
                check_refused(answer, lane)
            assert http.get(f"/api/nodes/{kept}").status_code == 200
            assert http.get("/api/trees").status_code == 200
            assert http.get("/api/search?q=before").json()["data"][-1]["node"]["content"] == "Before"
            assert http.get("/health").status_code == 200
            assert http.get("/ready").status_code == 503
            assert "is full" in http.get("/ready").json()["reason"]
            assert "Traceback" not in served.log()
        finally:
            ballast.unlink()
        goes_on(http, served, kept)


def test_a_database_that_another_process_holds_is_told_on_every_lane_and_can_be_read(
    served: Served, disk: Path, upstream: UpstreamDouble
) -> None:
    with httpx.Client(base_url=served.url, timeout=WAIT_S) as http, ThreadPoolExecutor(len(LANES)) as pool:
        kept = http.post("/v1/chat/completions", json=said("Before the lock")).headers["x-graft-node"]
        with closing(sqlite3.connect(disk / "graft.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            asked = {lane: pool.submit(ask, http) for lane, ask in LANES.items()}
            assert http.get(f"/api/nodes/{kept}").status_code == 200
            assert http.get("/api/search?q=lock").json()["data"]
            for lane, answer in asked.items():
                check_refused(answer.result(WAIT_S), lane)
                assert "locked" in answer.result().json()["error"]["message"]
            other.execute("ROLLBACK")
        goes_on(http, served, kept)


def test_a_disk_that_cannot_be_written_is_told_in_a_line_when_a_server_starts(
    tmp_path: Path, served: Served, disk: Path
) -> None:
    """A file system is not made read-only under a server that writes to it: the kernel refuses. So it starts on one."""
    with small_disk(tmp_path / "readonly", MEGABYTES) as folder:
        with (
            closing(sqlite3.connect(disk / "graft.db")) as source,
            closing(sqlite3.connect(folder / "graft.db")) as copy,
        ):
            source.backup(copy)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        command = [sys.executable, "-m", "proxy", "serve", "--port", "0"]
        env = {**clean_environment(), "GRAFT__STORAGE__URL": f"sqlite:///{folder}/graft.db"}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_S, check=False)
        assert done.returncode == 1
        assert "Traceback" not in done.stderr
        assert "is read-only" in done.stderr
