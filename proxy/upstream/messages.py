"""The messages of one request as a provider gets them: LiteLLM's configuration of the provider looks at them last.

Most messages are nothing but a role and a text. Where a provider's configuration leaves these alone, which is found out once, they are
written as they are, without asking it again.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from proxy.domain.message import Wire
from proxy.upstream.spelling import encoded

if TYPE_CHECKING:
    from proxy.upstream.endpoint import Endpoint, Plan

_WRITING = ("transform_request", "_transform_messages", "remove_cache_control_flag_from_messages_and_tools")
"""Methods of a configuration that write messages; what another one replaces may do anything."""

_TEXT_ROLES = ("user", "assistant", "system")
"""Roles that no provider calls otherwise."""


def body(endpoint: Endpoint, planned: Plan, messages: Sequence[Wire]) -> bytes:
    """The whole body of one request; the messages stay as they are. Raises what LiteLLM raises."""
    if endpoint.keeps_texts and _are_texts(messages):
        return planned.head + encoded(messages) + planned.tail
    written: list[Any] = [
        {name: _copied(value) for name, value in message.items() if value is not None} for message in messages
    ]
    written = endpoint.config.translate_developer_role_to_system_role(messages=written)
    transformed = endpoint.config.transform_request(
        model=endpoint.name,
        messages=written,
        optional_params=dict(planned.of_messages),
        litellm_params=endpoint.params,
        headers={},
    )
    return planned.head + encoded(transformed["messages"]) + planned.tail


def keeps_texts(litellm: Any, config: Any, name: str, params: Mapping[str, Any]) -> bool:
    """Whether a provider's configuration has nothing to do with plain texts: it writes messages as that of OpenAI does, and that leaves them."""
    own = type(config)
    if any(getattr(own, method) is not getattr(litellm.OpenAIGPTConfig, method, None) for method in _WRITING):
        return False
    tried: list[Any] = [{"role": role, "content": f" {role}\n"} for role in ("user", "system", "assistant", "user")]
    told = config.transform_request(
        model=name, messages=copy.deepcopy(tried), optional_params={}, litellm_params=params, headers={}
    )
    return bool(told["messages"] == tried)


def _are_texts(messages: Sequence[Wire]) -> bool:
    for message in messages:
        if len(message) != 2 or message.get("role") not in _TEXT_ROLES or type(message.get("content")) is not str:
            return False
    return True


def _copied(value: Any) -> Any:
    """JSON of its own: LiteLLM rewrites messages in place for some providers, and these belong to the tree."""
    if isinstance(value, dict):
        return {name: _copied(inner) for name, inner in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value
