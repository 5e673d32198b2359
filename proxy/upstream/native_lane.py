"""The native lane: providers that speak OpenAI's wire format, asked as LiteLLM would ask them, without LiteLLM on the way.

LiteLLM's configuration of the provider says where a request goes and what it looks like (`endpoint.py`); it leaves over the shared
session, and the provider's own bytes come back (`exchange.py`). Requests that LiteLLM would have to answer differently take the
LiteLLM lane; which they are is known from their options alone, so a client is told of dropped fields in either case.

Of the client's fields, those that OpenAI documents are mapped as LiteLLM maps them; foreign ones go into the body untouched unless
they would act (`acting.py`). Nothing in a request can name the model, its base or its key.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any

import msgspec

from proxy.domain.turn import Asked, Chunk
from proxy.errors import ProxyError, UpstreamError
from proxy.upstream import endpoint, exchange, failures, fields, library, messages
from proxy.upstream.endpoint import Endpoint, Plan
from proxy.upstream.exchange import Outgoing
from proxy.upstream.litellm_lane import LiteLLMLane
from proxy.upstream.models import Model
from proxy.upstream.session import Session, Timeouts

_KEPT_PLANS = 256
_KEPT_BYTES = 16 * 2**20
"""Plans of this many bytes together are kept; tools make most of them."""

_encode = msgspec.json.Encoder().encode


class NativeLane:
    """Asks providers of OpenAI's wire format."""

    def __init__(self, session: Session, timeouts: Timeouts, litellm_lane: LiteLLMLane) -> None:
        self._session = session
        self._timeouts = timeouts
        self._litellm_lane = litellm_lane
        self._endpoints: dict[str, Endpoint | None] = {}
        self._plans = _Plans()

    def ask(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """Chunks as they arrive, usage last; or one whole completion. Raises the UpstreamError family and InvalidRequest."""
        litellm = library.loaded()
        return self._warmed(model, asked) if litellm is None else self._ask(litellm, model, asked)

    async def _warmed(self, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """The same for whoever comes before LiteLLM is imported."""
        async with aclosing(self._ask(await library.warm(), model, asked)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _ask(self, litellm: Any, model: Model, asked: Asked) -> AsyncGenerator[Chunk, None]:
        """The generator that does the work, itself: one that only passes chunks on costs as much as reading them."""
        found = self._found(litellm, model, asked.options, stream=asked.stream)
        if found is None:
            return self._litellm_lane.ask(model, asked)
        at, plan = found
        headers = asked.beside(at.headers) if asked.headers else at.headers
        outgoing = Outgoing(at.url, headers, _body(at, plan, model, asked))
        if not asked.stream:
            return exchange.alone(self._session, outgoing, model, at.timeouts)
        return exchange.stream(self._session, outgoing, model, at.timeouts, usage_wanted=asked.usage_wanted)

    def dropped(self, model: Model, options: Mapping[str, object], *, stream: bool) -> list[str]:
        """Names of fields that would not reach the provider; before LiteLLM is imported, only those that never do."""
        if (litellm := library.loaded()) is None:
            fields.refuse_server_tools(options.get("tools"))
            return fields.foreign(options)[1]
        found = self._found(litellm, model, options, stream=stream)
        return self._litellm_lane.dropped(model, options) if found is None else list(found[1].dropped)

    def learn(self, model: Model) -> bool:
        """Work out where a model is asked, before a request needs it; whether it can be asked without LiteLLM."""
        with suppress(UpstreamError):  # a request will meet the same trouble and tell it
            return self.endpoint(library.load(), model) is not None
        return False

    def _found(
        self, litellm: Any, model: Model, options: Mapping[str, object], *, stream: bool
    ) -> tuple[Endpoint, Plan] | None:
        """Where and with what the model is asked; `None` when that is the LiteLLM lane's business."""
        at = self.endpoint(litellm, model)
        if at is None:
            return None
        key = _encode((model.id, stream, options))
        try:
            plan = self._plans.get(key)
        except KeyError:
            plan = self._planned(litellm, model, at, options, stream=stream)
            self._plans.keep(key, plan)
        return None if plan is None else (at, plan)

    def endpoint(self, litellm: Any, model: Model) -> Endpoint | None:
        """Where a model is asked; `None` where only LiteLLM itself can ask it. Raises the UpstreamError family."""
        if model.id not in self._endpoints:
            try:
                self._endpoints[model.id] = endpoint.resolve(litellm, model, self._timeouts)
            except Exception as exc:  # noqa: BLE001  # LiteLLM raises what it likes
                raise failures.translate(exc, model) from None
        return self._endpoints[model.id]

    def _planned(
        self, litellm: Any, model: Model, at: Endpoint, options: Mapping[str, object], *, stream: bool
    ) -> Plan | None:
        try:
            return endpoint.plan(litellm, at, options, stream=stream)
        except ProxyError:
            raise
        except Exception as exc:  # noqa: BLE001
            raise failures.translate(exc, model) from None


class _Plans:
    """The plans that were used last."""

    def __init__(self) -> None:
        self._plans: OrderedDict[bytes, Plan | None] = OrderedDict()
        self._size = 0

    def get(self, key: bytes) -> Plan | None:
        """Raises KeyError."""
        plan = self._plans[key]
        self._plans.move_to_end(key)
        return plan

    def keep(self, key: bytes, plan: Plan | None) -> None:
        self._plans[key] = plan
        self._size += len(key)
        while len(self._plans) > _KEPT_PLANS or self._size > _KEPT_BYTES // 2:  # a plan is about as large as its key
            self._size -= len(self._plans.popitem(last=False)[0])


def _body(at: Endpoint, plan: Plan, model: Model, asked: Asked) -> bytes:
    try:
        return messages.body(at, plan, asked.messages)
    except Exception as exc:  # noqa: BLE001  # a provider's configuration refuses a message
        raise failures.translate(exc, model) from None
