"""The raw lane: base, key and body as configured, without LiteLLM, which it never imports.

`POST {api_base}/chat/completions` with the client's own body; the model's name is the configured one, without a provider's prefix.
Fields that would act on a server of LiteLLM's or choose a model are left out and named (`acting.py`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from proxy.domain.turn import Asked, Chunk
from proxy.upstream import exchange, fields
from proxy.upstream.exchange import Outgoing
from proxy.upstream.models import NATIVE_PROVIDERS, Model
from proxy.upstream.session import Session, Timeouts
from proxy.upstream.spelling import encoded

PREFIXES = NATIVE_PROVIDERS | {"custom_openai", "llamafile", "openai_like"}
"""LiteLLM's names of providers in front of a model's name; any other `org/name` is the model's own."""


class RawLane:
    """Asks a server of OpenAI's wire format at a configured address."""

    def __init__(self, session: Session, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts

    def ask(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """Chunks as they arrive, usage last; or one whole completion. Raises the UpstreamError family and InvalidRequest."""
        outgoing = Outgoing(url(model), asked.beside(headers(model)), body(model, asked))
        if not asked.stream:
            return exchange.alone(self._session, outgoing, model, self._timeouts)
        return exchange.stream(self._session, outgoing, model, self._timeouts, usage_wanted=asked.usage_wanted)

    def dropped(self, options: Mapping[str, object]) -> list[str]:
        """Names of fields that are not sent."""
        fields.refuse_server_tools(options.get("tools"))
        return fields.foreign(options)[1]


def url(model: Model) -> str:
    base = str(model.params["api_base"]).rstrip("/")
    return base if base.endswith("/chat/completions") else f"{base}/chat/completions"


def name(model: Model) -> str:
    """The model as the server knows it; `openai/NAME` says plainly where NAME begins."""
    prefix, _, rest = model.target.partition("/")
    return rest if rest and prefix in PREFIXES else model.target


def headers(model: Model) -> dict[str, str]:
    key = model.params.get("api_key")
    authorization = {"Authorization": f"Bearer {key}"} if key else {}
    return {"Content-Type": "application/json", **authorization, **(model.params.get("extra_headers") or {})}


def body(model: Model, asked: Asked) -> bytes:
    documented, _ = fields.split(asked.options)
    foreign, _ = fields.foreign(asked.options)
    defaults, _ = fields.split(model.params)
    others, _ = fields.foreign(model.params)
    sent: dict[str, Any] = {
        "model": name(model),
        "messages": list(asked.messages),
        **others,
        **defaults,
        **(model.params.get("extra_body") or {}),
        **documented,
        **foreign,
    }
    if asked.stream:
        sent["stream"] = True
        sent["stream_options"] = {**(sent.get("stream_options") or {}), "include_usage": True}
    else:
        sent.pop("stream_options", None)
    return encoded(sent)
