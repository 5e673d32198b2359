"""Whatever LiteLLM stumbles over, a client is told of the answer and nothing of the program; an error is told as on the other lanes."""

import json

import pytest

from proxy.errors import UpstreamError
from proxy.upstream.failures import answered, translate
from proxy.upstream.models import Model
from tests.upstream.conftest import KEY, entry
from tests.upstream.faults.provider import faulty, whole

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore::ResourceWarning")]

MODEL = Model("m", {"model": "anthropic/x"}, secrets=frozenset({KEY}))
TARGETS = ("anthropic/claude-sonnet-4-5", "deepseek/deepseek-chat", "mistral/mistral-small", "ollama_chat/llama3")
"""Asked through LiteLLM's own client, in formats of their own and in OpenAI's."""
GOOD = json.dumps(whole("Hi")).encode()
UNREADABLE = {
    "half of it": GOOD[:60],
    "more than it": GOOD + b"x",
    "other characters": GOOD.replace(b"Hi", b"\xff"),
    "null": b"null",
    "a list": b"[]",
    "a page": b"<html>Welcome</html>",
    "nothing": b"",
    "an empty object": b"{}",
    "things that are null": b'{"choices": [null], "content": [null], "message": null}',
    "things that are numbers": b'{"choices": 5, "content": 5, "message": 5}',
    "calls that are null": b'{"choices": [{"message": {"tool_calls": [null]}}], "content": [{"type": "tool_use"}]}',
    "a long text": b"x" * 100_000,
}
OF_THE_PROGRAM = (
    *("Traceback", "site-packages", ".py", "received_args", "line 1 column", "codec", "object has no", "validation"),
    *("LiteLLM", "litellm", "response object", "NoneType", "not subscriptable", "KeyError", "b'"),
)


@pytest.fixture
def lane():
    return "litellm"


@pytest.fixture(scope="module")
def provider():
    with faulty() as provider:
        yield provider


@pytest.fixture
def told(lanes_for, ask, provider):
    """The error of an answer; `None` where LiteLLM has understood it. The lanes are the same all along: LiteLLM's clients are slow to make."""
    made = {}

    async def asked(target, *, stream):
        if target not in made:
            made[target] = lanes_for(entry("m", target, api_base=f"{provider.url}/v1"))
        try:
            await ask(made[target], stream=stream)
        except UpstreamError as error:
            return error
        return None

    return asked


@pytest.mark.parametrize("target", TARGETS)
async def test_a_plain_answer_that_litellm_cannot_read_is_a_bad_gateway(provider, told, caplog, target):
    for name, body in UNREADABLE.items():
        caplog.clear()
        provider.fault = lambda wire, body=body: wire.answer(body)
        error = await told(target, stream=False)
        assert (error.status, error.message) == (502, "The model 'm' answered in a shape that cannot be read."), name
        assert "The answer of model 'm' cannot be read: " in caplog.text


@pytest.mark.parametrize("target", TARGETS)
async def test_a_stream_that_litellm_cannot_read_tells_nothing_of_it(provider, told, target):
    for name, body in UNREADABLE.items():
        provider.fault = lambda wire, body=body: wire.answer(b"data: " + body + b"\n\n")
        error = await told(target, stream=True)
        assert error is None or error.status == 502, name
        assert not [word for word in OF_THE_PROGRAM if word in str(error)], name


ERRORS = {
    "OpenAI's": b'{"error": {"message": "Asleep.", "type": "server_error", "code": "asleep", "param": "a"}}',
    "Anthropic's": b'{"type": "error", "error": {"type": "overloaded_error", "message": "Asleep."}}',
    "words": b'{"error": "Asleep."}',
    "a detail": b'{"detail": "Asleep."}',
    "a text": b"Asleep.",
    "a page": b"<html>503</html>",
    "null": b"null",
    "a list": b"[]",
    "nothing": b"",
    "a trace": b'Traceback (most recent call last):\n  File "server.py", line 1',
    "a long text": b"x" * 100_000,
}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("target", [*TARGETS, "openai/x"])
async def test_an_error_is_told_as_on_the_other_lanes(provider, told, target, status, stream):
    for name, body in ERRORS.items():
        provider.fault = lambda wire, body=body: wire.answer(body, status=f"{status} Odd", x_request_id="req_1")
        error = await told(target, stream=stream)
        assert facts(error) == facts(answered(MODEL, status, {"x-request-id": "req_1"}, body)), name


def facts(error):
    return error.status, error.message, error.type, error.code, error.param, error.headers


@pytest.mark.parametrize(
    ("raised", "shown"),
    [
        ('Invalid response object Traceback (most recent call last):\n  File "a.py"', "Invalid response object"),
        ("Asleep. Handle with `litellm.InternalServerError`.", "Asleep."),
        ("Odd. This looks like a bug in LiteLLM; tell us", "Odd."),
        ("litellm.APIError: XException - " + "x" * 1000, "x" * 500),
    ],
)
def test_what_litellm_says_to_its_caller_is_cut_off(raised, shown):
    assert translate(Exception(raised), MODEL).message == shown


def test_words_about_the_program_are_a_provider_s_where_it_has_not_answered_yet():
    assert translate(ValueError("No version is named."), MODEL).message == "No version is named."
    assert "cannot be read" in translate(ValueError("No version is named."), MODEL, is_answered=True).message
