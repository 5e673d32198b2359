"""Bodies and headers for the doors under `/v1`: good ones, of which parts are replaced by what nobody would send.

The description leaves these doors to OpenAI's own, so they are drawn here. A drawn request is bytes, since some are no JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.doubles.pictures import data_url

MODELS = ("native", "raw", "litellm")
FAILING = ("broken", "gone")
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
HELLO = {"role": "user", "content": "Hello"}
CHATS: tuple[dict[str, Any], ...] = (
    {"messages": [HELLO]},
    {"messages": [{"role": "system", "content": "Be brief."}, HELLO, {"role": "assistant", "content": "Hi."}, HELLO]},
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "See"},
                    {"type": "image_url", "image_url": {"url": data_url()}},
                ],
            }
        ]
    },
    {
        "messages": [
            HELLO,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "5"},
        ],
        "tools": [TOOL],
        "tool_choice": "auto",
    },
    {"messages": [{"role": "user", "content": "/graft where"}]},
    {"messages": [{"role": "user", "content": "/graft goto Hello"}]},
    {"messages": [HELLO], "response_format": {"type": "json_object"}, "n": 2, "stop": ["."], "logit_bias": {"5": 1}},
    {"messages": [HELLO], "metadata": {"graft_parent": "root"}, "store": True, "user": "ada", "seed": 1},
)
OTHERS: Mapping[str, dict[str, Any]] = {
    "POST /v1/embeddings": {"input": "Hello", "dimensions": 3},
    "POST /v1/completions": {"prompt": "Hello", "max_tokens": 5, "n": 1},
}
HEADERS = (
    "x-graft-parent",
    "x-graft-tree",
    "x-graft-route",
    "x-graft-personality",
    "x-graft-user",
    "x-graft-task",
    "idempotency-key",
    "x-session-id",
    "x-openwebui-chat-id",
    "x-openwebui-user-message-id",
    "x-openwebui-user-message-parent-id",
    "x-stainless-retry-count",
    "user-agent",
    "accept-encoding",
    "content-type",
    "content-encoding",
    "origin",
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "",
            " ",
            "\x00",
            "\ud800",
            "\u202etxt.exe",
            "' OR 1=1 --",
            '"NEAR(a b)" AND *',
            "${jndi:ldap://x}",
            "<script>alert(1)</script>",
            "../../etc/passwd",
            "a" * 5000,
            "root",
            "n_" + "0" * 22,
            "%s%n{0}",
        ]
    ),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([-1, 0, 2**31, 2**63, 2**64, 10**400]),
    st.floats(),
    TEXTS,
)
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=8,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One request."""

    label: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    model: str


@st.composite
def requests(draw: st.DrawFn, ids: tuple[str, ...]) -> Drawn:
    """A request to one of the doors; `ids` are those of everybody's things, for fields and headers to hold."""
    label = draw(st.sampled_from(["POST /v1/chat/completions"] * 8 + list(OTHERS)))
    base = OTHERS.get(label) or draw(st.sampled_from(CHATS))
    model = draw(st.sampled_from(MODELS * 4 + FAILING))
    form = draw(st.sampled_from(["", "", ":follow", ":off"]))
    body: Any = {**json.loads(json.dumps(base)), "model": model + form, "stream": draw(st.booleans())}
    values = st.one_of(JUNK, st.sampled_from(ids))
    for _ in range(draw(st.integers(0, 3))):
        body = draw(replaced(body, values))
    raw = _bytes(body)
    if draw(st.integers(0, 19)) == 0:
        at = draw(st.integers(0, len(raw)))
        raw = raw[:at] + draw(st.binary(max_size=3)) + raw[at + draw(st.integers(0, 2)) :]
    names = draw(st.lists(st.sampled_from(HEADERS), max_size=3, unique=True))
    headers = tuple((name, draw(st.one_of(TEXTS, st.sampled_from(ids)))) for name in names)
    return Drawn(label, raw, headers, model)


@st.composite
def replaced(draw: st.DrawFn, value: Any, values: st.SearchStrategy[Any]) -> Any:
    """A value of which one part, at any depth, is another one, is gone, or is there twice."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: draw(replaced(value[name], values))}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        kept = draw(st.sampled_from(["changed", "gone", "twice"]))
        middle = {
            "changed": lambda: [draw(replaced(value[at], values))],
            "gone": list,
            "twice": lambda: [value[at]] * 2,
        }
        return value[:at] + middle[kept]() + value[at + 1 :]
    if isinstance(value, dict) and draw(st.booleans()):
        return {**value, draw(st.one_of(TEXTS, st.sampled_from(sorted(FIELDS)))): draw(values)}
    return draw(values)


FIELDS = frozenset(
    [
        "name",
        "content",
        "role",
        "audio",
        "refusal",
        "tool_calls",
        "tool_call_id",
        "function_call",
        "functions",
        "modalities",
        "prediction",
        "n",
        "stop",
        "tools",
        "stream_options",
        "max_tokens",
        "max_completion_tokens",
        "metadata",
        "response_format",
        "temperature",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
        "service_tier",
        "parallel_tool_calls",
        "verbosity",
        "web_search_options",
        "api_base",
        "api_key",
    ]
)


def _bytes(body: Any) -> bytes:
    return json.dumps(body).encode()
