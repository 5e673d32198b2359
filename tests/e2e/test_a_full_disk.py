"""A server whose disk is full says so, keeps what it has, and goes on when there is room again, without a restart."""

import asyncio
import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Served, serving

WAIT_S = 60
LONG = "It depends on the depth of the water. " * 600


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    params = {"model": "openai/gpt-test", "api_base": upstream_process.base_url, "api_key": "sk-upstream"}
    settings = {
        "model_list": [{"model_name": "gpt-test", "litellm_params": params, "model_info": {"lane": "raw"}}],
        "routing": {"policy": "follow", "embedder": "static"},
    }
    with serving(tmp_path_factory.mktemp("full"), upstream_process, settings) as served:
        yield served


def room(served: Served, most: int) -> None:
    """How large a file of the server may become: without room for one byte more, its disk is full."""
    assert served._process is not None
    _, hard = resource.prlimit(served._process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(served._process.pid, resource.RLIMIT_FSIZE, (most, hard))


def said(text: str, *, stream: bool = False) -> dict[str, object]:
    return {"model": "gpt-test", "messages": [{"role": "user", "content": text}], "stream": stream}


def test_a_full_disk_is_told_and_is_over_when_there_is_room_again(served: Served, upstream: UpstreamDouble):
    with httpx.Client(base_url=served.url, timeout=WAIT_S) as http, ThreadPoolExecutor(1) as pool:
        kept = http.post("/v1/chat/completions", json=said("Before")).headers["x-graft-node"]
        upstream.script({"do": "gate", "name": "late"})
        late = pool.submit(http.post, "/v1/chat/completions", json=said("Begun before", stream=True))
        asyncio.run(upstream.began(1))
        room(served, max(file.stat().st_size for file in served.folder.glob("graft.db*")))
        try:
            refused = http.post("/v1/chat/completions", json=said(LONG))
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.json()["error"]["type"] == "server_error"
            assert http.get(f"/api/nodes/{kept}").status_code == 200
            upstream.release("late", chunks=20)
            ended = late.result(WAIT_S)
        finally:
            room(served, resource.RLIM_INFINITY)
        assert "[DONE]" not in ended.text
        assert '"error"' in ended.text
        after = http.post("/v1/chat/completions", json=said("After"))
        assert after.status_code == 200, after.text
        node = ended.headers["x-graft-node"]
        deadline = time.monotonic() + WAIT_S
        while http.get(f"/api/nodes/{node}").status_code == 404:
            assert time.monotonic() < deadline, "what had come of the reply is never stored"
        assert served.violations() == []
