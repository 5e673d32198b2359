import os
import subprocess
import sys

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from proxy.chat.collect import Fold
from proxy.domain.message import said
from proxy.domain.turn import Asked, Chunk
from proxy.errors import ConfigError, ModelNotFound, UpstreamError
from proxy.upstream import library
from proxy.upstream.lanes import Lanes
from proxy.upstream.mirror import account
from proxy.upstream.models import Models, mirror_model
from tests.upstream.conftest import entry

pytestmark = pytest.mark.anyio

CHAT = [
    said("system", "You are a helpful cook who answers in short sentences always."),
    said("user", "How do I roast a chicken?"),
    said("assistant", "Slowly."),
    said("user", "And the gravy?"),
    said("assistant", "From the pan."),
    said("user", "What goes with it?"),
]


@pytest.fixture
def mirror():
    return Lanes(Models([mirror_model()]))


def test_the_mirror_shows_the_branch_that_it_was_sent():
    assert account(CHAT) == (
        "I am mirror, a stand-in without a language model: I only show what I was sent.\n"
        "\n"
        "This time: 6 messages (1 system, 3 user, 2 assistant).\n"
        'System text: "You are a helpful cook who answers in ..."\n'
        "Earlier turns on this branch:\n"
        '- "How do I roast a chicken?"\n'
        '- "And the gravy?"\n'
        "\n"
        'Your new turn: "What goes with it?"'
    )


def test_the_mirror_says_when_a_topic_is_new():
    assert "There are no earlier turns: a new topic." in account([said("user", "Hello")])


def test_the_mirror_stays_short_whatever_it_is_sent():
    long = [said("system", "word " * 500)] * 5 + [said("user", "word " * 500), said("assistant", "x")] * 50
    text = account([*long, said("user", "x" * 5000)])
    assert len(text.split()) <= 120
    assert "- 45 older ones" in text


@pytest.mark.parametrize(
    "last", [said("tool", "21 degrees"), said("assistant", "Well,"), said("system", "Only rules.")]
)
def test_the_mirror_answers_every_kind_of_request(last):
    assert account([last]).startswith("I am mirror")


async def test_the_mirror_streams_what_it_says_whole(mirror, ask):
    wires = [message.wire for message in CHAT]
    [whole] = await ask(mirror, model="mirror", messages=wires)
    chunks = await ask(mirror, model="mirror", messages=wires, stream=True)
    fold = Fold()
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
        fold.add(Chunk(chunk))
    ChatCompletion.model_validate(whole)
    completion = fold.completion()
    assert completion.messages[0].text == whole["choices"][0]["message"]["content"] == account(CHAT)
    assert fold.ended
    assert (chunks[-1]["choices"], chunks[-1]["usage"]) == ([], whole["usage"])
    assert len(chunks) > 10
    assert chunks[0]["id"] == whole["id"]


async def test_an_unconfigured_model_is_not_found(mirror):
    with pytest.raises(ModelNotFound):
        mirror.ask(Asked("gpt-9", [], {}, stream=False))
    with pytest.raises(ModelNotFound):
        mirror.window_tokens("gpt-9")


async def test_the_mirror_needs_no_library(mirror):
    await mirror.warm()
    assert mirror.ready
    assert mirror.window_tokens("mirror") == 128_000
    assert mirror.count("mirror", "twelve chars") == 3


async def test_windows_come_from_the_configuration_then_from_litellm_then_by_default(lanes_for):
    lanes = lanes_for(
        {**entry("small", "openai/gpt-4.1"), "model_info": {"max_input_tokens": 9_000}},
        entry("known", "openai/gpt-4.1"),
        entry("unknown", "openai/nobody-knows"),
    )
    await lanes.warm()
    assert [lanes.window_tokens(name) for name in ("small", "known", "unknown")] == [9_000, 1_047_576, 128_000]


async def test_whether_a_schema_is_honoured_comes_from_the_configuration_then_from_litellm_and_may_be_unknown(
    lanes_for,
):
    lanes = lanes_for(
        {**entry("told", "openai/gpt-4.1"), "model_info": {"supports_response_schema": False}},
        {**entry("home", "openai/qwen"), "model_info": {"supports_response_schema": True}},
        entry("known", "openai/gpt-4.1"),
        entry("unknown", "openai/nobody-knows"),
        entry("mixed", "openai/gpt-4.1"),
        entry("mixed", "openai/nobody-knows"),
    )
    await lanes.warm()
    names = ("told", "home", "known", "unknown", "mixed")
    assert [lanes.honours_schema(name) for name in names] == [False, True, True, None, None]


async def test_tokens_are_counted_without_a_network(lanes_for):
    lanes = lanes_for(
        entry("gpt", "openai/gpt-4.1"), entry("llama", "ollama_chat/llama3.2"), entry("odd", "openai/odd")
    )
    await lanes.warm()
    assert lanes.count("gpt", "Hello world") == 2
    assert all(1 <= lanes.count(name, "Hello world") <= 6 for name in ("llama", "odd"))
    assert lanes.count("gpt", "<|endoftext|> is only text") > 3


@pytest.mark.parametrize(("by", "times"), [("native", 0), ("litellm", 1)])
async def test_litellm_prepares_to_answer_itself_only_for_models_that_it_answers(lanes_for, monkeypatch, by, times):
    rehearsals = []
    monkeypatch.setattr(library, "_rehearsed", False)
    monkeypatch.setattr(library, "_rehearse", rehearsals.append)
    lanes = lanes_for({**entry("one"), "model_info": {"lane": by}}, {**entry("two"), "model_info": {"lane": by}})
    await lanes.warm()
    assert len(rehearsals) == times


def test_no_tokenizer_is_loaded_beside_the_one_that_counts():
    code = "from proxy.upstream import library; library.load(rehearsed=True); import tiktoken; "
    code += "print(*tiktoken.registry.ENCODINGS)"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert told.stdout.split() == ["cl100k_base"]


def test_no_variable_of_the_operator_takes_litellm_off_the_connections_that_are_guarded():
    code = "from proxy.upstream import library; library.load(); "
    code += "from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler as handler; "
    code += "print(type(handler.create_async_transport()).__name__)"
    odd = {**os.environ, "DISABLE_AIOHTTP_TRANSPORT": "True", "LITELLM_HTTP2": "True"}
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=odd)
    assert told.stdout.split() == ["LiteLLMAiohttpTransport"]


async def test_a_closed_client_of_litellms_own_is_not_asked_again():
    litellm = await library.warm()
    before = litellm.module_level_aclient
    await library.close()
    assert litellm.module_level_aclient is not before


async def test_the_scorer_asks_its_own_model_and_tells_what_it_cost(lanes_for, upstream):
    lanes = lanes_for(entry("chat"), entry("judge", "openai/judge"))
    upstream.say('{"rank": 1}', model="judge")
    schema = {"type": "json_schema", "json_schema": {"name": "ranks", "schema": {"type": "object"}}}
    reply = await lanes.scorer("judge")([said("user", "Which?")], {"temperature": 0, "response_format": schema})
    assert (reply.text, reply.finish_reason) == ('{"rank": 1}', "stop")
    assert (reply.prompt_tokens, reply.completion_tokens) == (10, 4)
    [body] = upstream.bodies()
    assert (body["model"], body["temperature"], body["response_format"]) == ("judge", 0, schema)
    assert "stream" not in body


async def test_a_scorer_that_fails_raises_the_upstreams_error(lanes_for):
    lanes = lanes_for(entry("judge", "openai/status-429"))
    with pytest.raises(UpstreamError):
        await lanes.scorer("judge")([said("user", "Which?")], {})


@pytest.mark.parametrize("name", ["mirror", "gpt-9"])
def test_a_scorer_must_be_a_configured_language_model(mirror, name):
    with pytest.raises(ConfigError, match=r"routing\.model"):
        mirror.scorer(name)


async def test_the_mirror_is_asked_beside_models_of_litellms(lanes_for, ask):
    """Once LiteLLM is there, it is not asked about a model that it does not know."""
    lanes = lanes_for(entry("mirror", "mirror"), entry("other", "openai/gpt-double"))
    await library.warm(rehearsed=True)
    assert lanes.dropped("mirror", {"temperature": 0, "top_k": 3}, stream=False) == ["top_k"]
    assert await ask(lanes, model="mirror", temperature=0)
