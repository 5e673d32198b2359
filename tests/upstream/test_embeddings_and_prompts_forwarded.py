"""Embeddings and legacy completions reach the model's server on every lane, and come back as it sent them."""

import json
from contextlib import aclosing

import pytest
from openai.types import Completion, CreateEmbeddingResponse, completion_create_params, embedding_create_params

from proxy.errors import InvalidRequest, UpstreamError
from proxy.upstream.forwarding import FIELDS, _outgoing
from tests.upstream.conftest import KEY, entry
from tests.upstream.faults.provider import faulty

pytestmark = pytest.mark.anyio


@pytest.fixture
def forward(lanes_for):
    """All pieces of a forwarded answer, and what was dropped."""

    async def forwarded(kind, body, *, lane=None, target="openai/gpt-double", **params):
        made = entry(target=target, **params)
        lanes = lanes_for({**made, "model_info": {"lane": lane} if lane else {}})
        answer = await lanes.forwarding.forward(kind, "m", {"model": "m", **body})
        async with aclosing(answer.pieces) as pieces:
            return [json.loads(piece) async for piece in pieces], answer.dropped

    return forwarded


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_embeddings_come_back_from_every_lane(forward, upstream, lane):
    (answer,), dropped = await forward("embeddings", {"input": ["ab", "abc"], "encoding_format": "float"}, lane=lane)
    parsed = CreateEmbeddingResponse.model_validate(answer)
    assert [item.embedding for item in parsed.data] == [[2, 0], [3, 1]]
    assert parsed.usage.prompt_tokens == 7
    (sent,) = upstream.requests()
    assert sent["path"] == "/v1/embeddings"
    assert sent["headers"]["Authorization"] == f"Bearer {KEY}"
    assert (sent["body"]["model"], sent["body"]["input"], dropped) == ("gpt-double", ["ab", "abc"], [])


@pytest.mark.parametrize("lane", ["native", "raw"])
async def test_where_the_body_is_ours_the_servers_own_bytes_come_back(forward, upstream, lane):
    (answer,), dropped = await forward("embeddings", {"input": "ab", "truncate": "end", "api_base": "x"}, lane=lane)
    assert answer["extra"] == "kept"
    (sent,) = upstream.requests()
    assert sent["body"] == {"model": "gpt-double", "input": "ab", "truncate": "end"}
    assert dropped == ["api_base"]


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_embeddings_cannot_be_asked_for_as_a_stream(forward, upstream, lane):
    body = {"input": "ab", "stream": True, "stream_options": {"include_usage": True}}
    _, dropped = await forward("embeddings", body, lane=lane)
    assert dropped == ["stream", "stream_options"]
    assert not {"stream", "stream_options"} & upstream.requests()[0]["body"].keys()


async def test_into_litellm_nothing_passes_that_openai_does_not_document(forward, upstream):
    body = {"input": "ab", "api_base": "http://127.0.0.1:9", "mock_response": "x", "truncate": "end"}
    _, dropped = await forward("embeddings", body, lane="litellm")
    assert dropped == ["api_base", "mock_response", "truncate"]
    assert "truncate" not in upstream.requests()[0]["body"]


@pytest.mark.parametrize("lane", ["native", "raw"])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_prompt_is_completed_by_the_server_that_knows_completions(forward, upstream, lane, stream):
    pieces, _ = await forward("completions", {"prompt": "to be or not", "stream": stream, "top_k": 3}, lane=lane)
    assert "".join(piece["choices"][0]["text"] for piece in pieces).replace(" ", "") == "tobeornot"
    assert [Completion.model_validate(piece).choices[0].finish_reason for piece in pieces[-1:]] == ["stop"]
    (sent,) = upstream.requests()
    assert (sent["path"], sent["body"]["top_k"]) == ("/v1/completions", 3)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_only_chats_completes_a_prompt_by_chatting(forward, upstream, stream):
    upstream.say("that is the question")
    body = {"prompt": ["to be or not"], "stream": stream, "max_tokens": 9, "echo": True}
    pieces, dropped = await forward("completions", body, lane="litellm")
    assert "".join(piece["choices"][0]["text"] for piece in pieces if piece["choices"]) == "that is the question"
    assert Completion.model_validate(next(piece for piece in reversed(pieces) if piece["choices"]))
    assert {piece["object"] for piece in pieces} == {"text_completion"}
    (sent,) = upstream.requests()
    assert sent["body"]["messages"] == [{"role": "user", "content": "to be or not"}]
    assert (sent["body"]["max_tokens"], dropped) == (9, ["echo"])


@pytest.mark.parametrize("prompt", [["one", "two"], [1, 2, 3], None, 7])
async def test_a_model_that_only_chats_takes_one_prompt_of_text(forward, prompt):
    with pytest.raises(InvalidRequest) as refused:
        await forward("completions", {"prompt": prompt}, lane="litellm")
    assert refused.value.param == "prompt"


async def test_the_built_in_model_makes_no_embeddings_and_says_so(forward):
    with pytest.raises(InvalidRequest, match="makes no embeddings: name a model"):
        await forward("embeddings", {"input": "ab"}, target="mirror")


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_a_providers_refusal_keeps_its_status(forward, upstream, lane):
    upstream.script({"do": "status", "code": 429, "times": 9})
    with pytest.raises(UpstreamError) as refused:
        await forward("embeddings", {"input": "ab"}, lane=lane)
    assert refused.value.status == 429
    assert KEY not in refused.value.message


async def test_an_azure_deployment_is_asked_at_its_own_address():
    url = "https://x.openai.azure.com/openai/deployments/ada/chat/completions?api-version=1"
    model = type("M", (), {"params": {"dimensions": 8}})
    outgoing = _outgoing((url, {"api-key": "k"}, "ada"), "embeddings", model, {"input": "a"})
    assert outgoing.url == "https://x.openai.azure.com/openai/deployments/ada/embeddings?api-version=1"
    assert json.loads(outgoing.body) == {"dimensions": 8, "input": "a", "model": "ada"}


def test_every_documented_field_is_known():
    completions = completion_create_params.CompletionCreateParamsBase.__annotations__
    assert FIELDS["completions"] == {*completions, "stream"}
    assert FIELDS["embeddings"] == {*embedding_create_params.EmbeddingCreateParams.__annotations__}


EMBEDDED = b'{"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [NaN, 1.5]}]}'


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_a_number_that_is_none_is_told_as_null(forward, lane):
    with faulty() as provider:
        provider.fault = lambda wire: wire.answer(EMBEDDED)
        body = {"input": "ab", "encoding_format": "float"}
        (answer,), _ = await forward("embeddings", body, lane=lane, api_base=f"{provider.url}/v1")
    assert answer["data"][0]["embedding"] == [None, 1.5]


@pytest.mark.parametrize("lane", ["native", "raw", "litellm"])
async def test_what_is_no_json_is_a_bad_gateway(forward, lane):
    with faulty() as provider:
        provider.fault = lambda wire: wire.answer(EMBEDDED[:60])
        with pytest.raises(UpstreamError) as caught:
            await forward("embeddings", {"input": "ab"}, lane=lane, api_base=f"{provider.url}/v1")
    assert caught.value.status == 502


@pytest.mark.parametrize("lane", ["native", "raw"])
async def test_a_chats_chunks_that_complete_a_prompt_pass_as_they_came(forward, lane):
    told = [
        {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": text}}]}
        for text in ("a", "b", "data: ", "c", '"\n\n')
    ]
    one, two, *others = (b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in told)
    with faulty() as provider:
        provider.fault = lambda wire: wire.answer(one, two, b"".join(others), b"data: [DONE]\n\n")
        pieces, _ = await forward(
            "completions", {"prompt": "x", "stream": True}, lane=lane, api_base=f"{provider.url}/v1"
        )
    assert pieces == told


@pytest.mark.parametrize("lane", ["native", "raw"])
async def test_a_server_that_would_not_stream_completes_a_prompt_all_the_same(forward, lane):
    whole = {"id": "c1", "object": "text_completion", "choices": [{"index": 0, "text": "be", "finish_reason": "stop"}]}
    with faulty() as provider:
        provider.fault = lambda wire: wire.answer(json.dumps(whole).encode())
        body = {"prompt": "to", "stream": True}
        (piece,), _ = await forward("completions", body, lane=lane, api_base=f"{provider.url}/v1")
    assert (piece["choices"][0]["text"], piece["object"]) == ("be", "text_completion")
