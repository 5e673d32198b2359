"""LiteLLM, imported once, late and off the event loop.

The import takes seconds, so it never happens where a module is imported: `warm` starts it when the port is open, and a request
that comes first waits for it. LiteLLM is told beforehand to use the prices and windows that come with it, to read no `.env`
file, and to fetch nothing: no tokenizers, and no URL that a client put into a message. Its connections follow no redirect and bring
no answer without end (`guarded.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import threading
import warnings
from types import ModuleType
from typing import Any, NoReturn

from proxy.upstream import connections, guarded, heard, untyped

ENVIRONMENT = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_MODE": "PRODUCTION",
    "MAX_IMAGE_URL_DOWNLOAD_SIZE_MB": "0",
}
"""Read by LiteLLM while it is imported; what the operator has set stands."""
_GUARDED = {"DISABLE_AIOHTTP_TRANSPORT": "False", "LITELLM_HTTP2": "False"}
"""What keeps LiteLLM to the kind of connections that is guarded, whatever the operator has set: httpx's own follow redirects, keys and all."""

_UNKNOWN = "openai/unknown"
"""LiteLLM counts the tokens of a stream that tells no usage, and has a tokenizer of 70 megabytes for each family of OpenAI's models. Streams
of those are not read by it; for all others it counts with the one that it has at hand."""

_lock = threading.Lock()
_loaded: ModuleType | None = None
_rehearsed = False


def loaded() -> Any:
    """LiteLLM if it is imported and prepared, else `None`; never waits."""
    return _loaded


async def warm(*, rehearsed: bool = False) -> Any:
    """LiteLLM, imported in a thread if need be; callers that come at the same time wait for the same import."""
    if _loaded is not None and (_rehearsed or not rehearsed):
        return _loaded
    return await asyncio.to_thread(load, rehearsed=rehearsed)


def load(*, rehearsed: bool = False) -> Any:
    """LiteLLM, imported here and now.

    Args:
        rehearsed: It is going to answer requests itself. What that needs (the official clients, a tokenizer) is a hundred
            megabytes that models asked on the native lane never use.
    """
    global _loaded, _rehearsed  # noqa: PLW0603  # an import is global too
    with _lock:
        if _loaded is None:
            for name, value in ENVIRONMENT.items():
                os.environ.setdefault(name, value)
            os.environ.update(_GUARDED)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # deprecations inside LiteLLM are not ours to act on
                litellm = importlib.import_module("litellm")
                _prepare(litellm)
            _loaded = litellm
        if rehearsed and not _rehearsed:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _rehearse(_loaded)
            _rehearsed = True
    return _loaded


def keep_no_account() -> None:
    """Have the library write nothing down of what this task asks it for: no costs, no copies for loggers, of which there are none here.

    That is a fifth of what a request costs it. It is how LiteLLM marks requests that it makes on its own behalf.
    """
    if _loaded is not None:
        importlib.import_module("litellm._internal_context").is_internal_call.set(True)


async def close() -> None:
    """Close the connections that LiteLLM keeps open for this event loop."""
    if _loaded is not None:
        await _loaded.close_litellm_async_clients()
        with contextlib.suppress(Exception):  # a cache of closed clients; the next call makes new ones
            _loaded.in_memory_llm_clients_cache.flush_cache()
        vars(_loaded).pop("module_level_aclient", None)  # one of those clients


def _prepare(litellm: Any) -> None:
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.disable_hf_tokenizer_download = True
    litellm.turn_off_message_logging = True
    urls: Any = importlib.import_module("litellm.litellm_core_utils.url_utils")
    urls.validate_url = _refuse_url  # every fetch of a client's URL goes through this check
    litellm.user_url_validation = True
    transport: Any = importlib.import_module("litellm.llms.custom_httpx.aiohttp_transport")
    guarded.guard(transport.LiteLLMAiohttpTransport)
    connections.tell_of_broken_bodies()


def _rehearse(litellm: Any) -> None:
    """Answer a made-up request without any connection: what LiteLLM imports and builds at first use is then at hand."""
    _block_gigachat()
    request = {"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "Hello"}], "api_key": "none"}
    litellm.completion(**request, mock_response="Hello")
    for _ in litellm.completion(**{**request, "model": _UNKNOWN}, mock_response="Hello", stream=True):
        pass
    importlib.import_module("anyio._backends._asyncio")
    importlib.import_module("openai").AsyncOpenAI(api_key="none").chat.completions  # noqa: B018  # resources load lazily
    chats: Any = importlib.import_module("openai.resources.chat.completions.completions")
    untyped.send_chats_untyped(chats)
    heard.overhear(chats.AsyncCompletions)


def _block_gigachat() -> None:
    """GigaChat's adapter fetches pictures past LiteLLM's own check, and swallows what goes wrong: it gets data URLs only.

    A test asks every provider that LiteLLM knows to look at a picture, so another of this kind does not go unseen.
    """
    chat: Any = importlib.import_module("litellm.llms.gigachat.chat.transformation")
    files: Any = importlib.import_module("litellm.llms.gigachat.file_handler")
    upload = chat.GigaChatConfig._upload_image  # noqa: SLF001

    def upload_image(self: Any, image_url: str) -> Any:
        return upload(self, image_url) if image_url.startswith("data:") else _refuse_url(image_url)

    chat.GigaChatConfig._upload_image = upload_image  # noqa: SLF001
    files._download_image_sync = files._download_image_async = _refuse_url  # noqa: SLF001


def _refuse_url(url: str) -> NoReturn:
    urls = importlib.import_module("litellm.litellm_core_utils.url_utils")
    raise urls.SSRFError(f"URLs in messages are not fetched by the server: {url!r}. Send the content as a data URL.")
