"""Every provider that LiteLLM knows is asked to look at pictures and files behind URLs: none makes this machine fetch one.

Nothing but loopback can be reached while these tests run, and which names are looked up is written down: a lookup of the URL's host is a
fetch as much as a connection is.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.turn import Asked
from proxy.errors import ProxyError
from proxy.upstream import library
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list
from proxy.upstream.session import Timeouts
from tests.doubles.listener import Listener
from tests.doubles.running import UpstreamDouble

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore")]

NAME = "pictures.graft.test"
SECRET = "the contents of a file on this machine"
MODELS = {
    "anthropic": "claude-sonnet-4-5",
    "bedrock": "anthropic.claude-3-sonnet-20240229-v1:0",
    "gemini": "gemini-2.5-flash",
    "gigachat": "GigaChat-2-Max",
    "huggingface": "together/meta-llama/Llama-3-8b",
    "ollama": "llava",
    "ollama_chat": "llava",
    "sagemaker": "endpoint",
    "vertex_ai": "gemini-2.5-flash",
}
CREDENTIALS = {
    "aws_access_key_id": "a",
    "aws_secret_access_key": "b",
    "aws_region_name": "us-east-1",
    "vertex_project": "p",
    "vertex_location": "us-central1",
    "access_token": "t",
}
ASKS_A_PERSON = {"github_copilot", "chatgpt", "xai_oauth"}
"""Providers whose key a person fetches in a browser."""


class Names:
    """What was looked up; only this machine's own is found."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self.asked: list[str] = []
        self._real = real

    def __call__(self, host: Any, *args: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        self.asked.append(name)
        if name not in ("127.0.0.1", "localhost", "::1"):
            raise socket.gaierror(socket.EAI_NONAME, "not in a test")
        return self._real(host, *args, **named)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    looked_up = Names(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    return looked_up


def providers() -> list[str]:
    litellm = library.load()
    named = {str(getattr(one, "value", one)) for one in litellm.provider_list}
    return sorted(named - ASKS_A_PERSON)


def test_every_provider_of_the_installed_litellm_takes_part() -> None:
    assert len(providers()) > 100
    assert set(MODELS) <= set(providers())


def parts(url: str) -> list[dict[str, Any]]:
    return [
        {"type": "image_url", "image_url": {"url": f"{url}/cat.png", "detail": "high"}},
        {"type": "image_url", "image_url": f"{url}/dog.png"},
        {"type": "file", "file": {"file_data": f"{url}/a.pdf", "filename": "a.pdf"}},
        {"type": "file", "file": {"file_id": f"{url}/b.pdf", "format": "application/pdf"}},
        {"type": "video_url", "video_url": {"url": f"{url}/c.mp4"}},
        {"type": "document_url", "document_url": f"{url}/d.pdf"},
        {"type": "input_audio", "input_audio": {"data": f"{url}/e.wav", "format": "wav"}},
    ]


@pytest.fixture
async def lanes_of(upstream: UpstreamDouble) -> AsyncIterator[Callable[[str], Lanes]]:
    made = []

    def make(provider: str) -> Lanes:
        target = f"{provider}/{MODELS.get(provider, 'some-model')}"
        params = {"model": target, "api_base": upstream.base_url, "api_key": "sk-of-the-server", **CREDENTIALS}
        entry = {"model_name": "m", "litellm_params": params, "model_info": {"lane": "litellm"}}
        made.append(Lanes(models_from_list([entry], {}), Timeouts(connect_s=2, first_token_s=5, whole_s=5)))
        return made[-1]

    yield make
    for lanes in made:
        await lanes.close()


async def attempt(lanes: Lanes, *told_parts: dict[str, Any]) -> str:
    """What came of it: an answer, or the error's message."""
    content = [{"type": "text", "text": "What is this?"}, *told_parts]
    asked = Asked("m", [{"role": "user", "content": content}], {}, stream=False)
    told = ""
    try:
        async for chunk in lanes.ask(asked):
            told += str(chunk.wire)
    except ProxyError as exc:
        told = exc.message
    return told


@pytest.mark.parametrize("provider", providers())
async def test_no_provider_fetches_what_a_client_points_at(
    lanes_of: Callable[[str], Lanes], names: Names, elsewhere: Listener, provider: str
) -> None:
    lanes = lanes_of(provider)
    image, text, *files = parts(elsewhere.url)
    named = parts(f"https://{NAME}:8443")
    for told in ([image], [text], [files[0]], named[:1], named[2:4], named):
        await attempt(lanes, *told)
    assert elsewhere.calls == []
    assert NAME not in names.asked


TRICKS = [
    "http://127.0.0.1:{port}",
    "http://localhost:{port}",
    "http://localhost.:{port}",
    "http://LOCALHOST:{port}",
    "http://127.1:{port}",
    "http://2130706433:{port}",
    "http://0x7f000001:{port}",
    "http://0177.0.0.1:{port}",
    "http://0:{port}",
    "http://[::1]:{port}",
    "http://[::ffff:127.0.0.1]:{port}",
    "http://[::ffff:7f00:1]:{port}",
    "http://user:pass@127.0.0.1:{port}",
    "http://example.com@127.0.0.1:{port}",
    "http://127.0.0.1:{port}#@example.com",
    "http://127.0.0.1.nip.io:{port}",
    "http://\uff11\uff12\uff17.0.0.1:{port}",
    "HTTP://127.0.0.1:{port}",
    " http://127.0.0.1:{port}",
    "//127.0.0.1:{port}",
    "file://{file}",
    "file://localhost{file}",
    "{file}",
    "gs://127.0.0.1:{port}/bucket",
    "ftp://127.0.0.1:{port}",
    "gopher://127.0.0.1:{port}/_GET",
]


@pytest.mark.parametrize(
    "provider", ["anthropic", "bedrock", "gemini", "gigachat", "ollama", "ollama_chat", "vertex_ai"]
)
async def test_no_spelling_of_an_address_is_fetched_and_no_file_is_read(
    lanes_of: Callable[[str], Lanes],
    names: Names,
    elsewhere: Listener,
    upstream: UpstreamDouble,
    provider: str,
    tmp_path: Path,
) -> None:
    """Private addresses in all their spellings, schemes that read files, and what redirects would lead to."""
    lanes, secret_file = lanes_of(provider), tmp_path
    for name in ("cat.png", "dog.png", "a.pdf", "b.pdf", "c.mp4", "d.pdf", "e.wav"):
        (tmp_path / name).write_text(SECRET)
    for spelled in TRICKS:
        image, _, file, *_ = parts(spelled.format(port=elsewhere.port, file=secret_file))
        for part in (image, file) if "file" in spelled else (image,):
            told = await attempt(lanes, part)
            assert SECRET not in told
    assert elsewhere.calls == []
    assert "127.0.0.1.nip.io" not in names.asked
    assert SECRET not in str(upstream.bodies())


def test_the_one_adapter_that_fetches_past_litellms_own_check_is_held_back(elsewhere: Listener) -> None:
    """GigaChat's asks for a token first, so what it would do with a picture is tried by hand, on every way to it."""
    library.load(rehearsed=True)
    from litellm.llms.gigachat import file_handler
    from litellm.llms.gigachat.chat.transformation import GigaChatConfig

    url = f"{elsewhere.url}/cat.png"
    for fetch in (
        GigaChatConfig()._upload_image,
        file_handler._download_image_sync,
        file_handler._download_image_async,
    ):
        with pytest.raises(ValueError, match="data URL"):
            fetch(url)
    assert file_handler.upload_file_sync(url) is None
    assert elsewhere.calls == []
