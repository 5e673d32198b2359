"""OpenAI's stored completions, through the official client: listed, read, noted, deleted, all of it from the tree."""

from __future__ import annotations

import contextlib

import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, Served


@pytest.fixture
def client(graft: Served) -> openai.OpenAI:
    key, _ = graft.key()
    return graft.client(key)


def asked(client: openai.OpenAI, text: str, **options: object) -> ChatCompletion:
    said = [{"role": "user", "content": text}]
    return client.chat.completions.create(model=options.pop("model", "gpt-test"), messages=said, **options)


def test_a_completion_is_read_as_it_was_given(client: openai.OpenAI) -> None:
    made = asked(client, "Which day is best for Sintra?", metadata={"trip": "lisbon"}, temperature=0.1)
    read = client.chat.completions.retrieve(made.id)
    assert read.choices[0].message.content == made.choices[0].message.content
    assert read.choices[0].finish_reason == made.choices[0].finish_reason
    assert (read.id, read.model, read.created, read.usage) == (made.id, made.model, made.created, made.usage)
    assert read.metadata == {"trip": "lisbon"}


def test_a_streamed_completion_is_listed_like_any_other(client: openai.OpenAI) -> None:
    chunks = list(asked(client, "Stream this", stream=True))
    (listed,) = client.chat.completions.list().data
    told = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert (listed.id, listed.choices[0].message.content) == (chunks[0].id, told)


def test_every_choice_of_a_completion_is_listed(client: openai.OpenAI) -> None:
    made = asked(client, "Say it three ways", n=3)
    assert len(client.chat.completions.retrieve(made.id).choices) == 3


def test_lists_are_paged_either_way(client: openai.OpenAI) -> None:
    made = [asked(client, f"Topic {number}: entirely its own").id for number in range(5)]
    assert [one.id for one in client.chat.completions.list(limit=2)] == made
    assert [one.id for one in client.chat.completions.list(limit=3, order="desc")] == made[::-1]
    page = client.chat.completions.list(after=made[1], limit=2)
    assert ([one.id for one in page.data], page.has_more) == (made[2:4], True)


def test_lists_are_narrowed_by_model_and_metadata(client: openai.OpenAI) -> None:
    one = asked(client, "First", metadata={"trip": "lisbon", "part": "train"})
    two = asked(client, "Second", metadata={"trip": "lisbon"}, model="other-model")
    three = asked(client, "Third", metadata={"trip": 'a "quoted" name'})
    ids = lambda **told: [found.id for found in client.chat.completions.list(**told)]  # noqa: E731
    assert ids(metadata={"trip": "lisbon"}) == [one.id, two.id]
    assert ids(metadata={"trip": "lisbon", "part": "train"}) == [one.id]
    assert ids(metadata={"trip": 'a "quoted" name'}) == [three.id]
    assert ids(model="other-model") == ids(model=two.model) == [two.id]
    assert ids(metadata={"nobody": "notes this"}) == []


def test_the_messages_are_those_of_the_path(client: openai.OpenAI, upstream: UpstreamDouble) -> None:
    chat = Linear(client)
    chat.history.append({"role": "system", "content": "Be brief."})
    chat.say("How do I feed a starter?", stream=False)
    chat.say("And how often?", stream=False)
    newest = client.chat.completions.list(order="desc").data[0]
    messages = list(client.chat.completions.messages.list(newest.id, limit=2))
    assert [(message.role, message.content) for message in messages] == [
        (said["role"], said["content"]) for said in chat.history[:-1]
    ]
    backwards = client.chat.completions.messages.list(newest.id, order="desc", limit=1, after=messages[-1].id)
    assert [message.id for message in backwards.data] == [messages[-2].id]


def test_parts_stand_beside_their_text(client: openai.OpenAI) -> None:
    image = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}
    said = [{"role": "user", "content": [{"type": "text", "text": "What is this?"}, image]}]
    made = client.chat.completions.create(model="gpt-test", messages=said)
    (message,) = client.chat.completions.messages.list(made.id)
    assert message.content == "What is this?"
    assert [part.type for part in message.content_parts or ()] == ["text", "image_url"]


def test_metadata_is_replaced(client: openai.OpenAI) -> None:
    made = asked(client, "Note this", metadata={"old": "1"})
    assert client.chat.completions.update(made.id, metadata={"new": "2"}).metadata == {"new": "2"}
    assert client.chat.completions.retrieve(made.id).metadata == {"new": "2"}
    assert client.chat.completions.update(made.id, metadata=None).metadata is None


@pytest.mark.parametrize(
    "metadata", [{"a": 1}, {"a" * 65: "x"}, {"a": "x" * 513}, {str(i): "x" for i in range(17)}, ["a"]]
)
def test_metadata_has_openais_limits(client: openai.OpenAI, metadata: object) -> None:
    made = asked(client, "Note this", metadata={"old": "1"})
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.update(made.id, metadata=metadata)
    assert refused.value.param is not None
    assert refused.value.param.startswith("metadata")
    assert client.chat.completions.retrieve(made.id).metadata == {"old": "1"}


def test_deleting_one_answer_keeps_those_that_go_on_from_it(graft: Served) -> None:
    key, user = graft.key()
    client = graft.client(key)
    chat = Linear(client)
    for text in ("How do I feed a starter?", "And how often?", "And with what?"):
        chat.say(text)
    first, second, third = (one.id for one in client.chat.completions.list())
    assert client.chat.completions.delete(first).deleted
    assert [one.id for one in client.chat.completions.list()] == [second, third]
    assert len(graft.nodes(user)) == 6
    client.chat.completions.delete(third)
    assert len(graft.nodes(user)) == 4
    client.chat.completions.delete(second)
    assert graft.nodes(user) == []
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.retrieve(first)
    assert graft.violations() == []


def whole(id_: str, text: str) -> dict[str, object]:
    """A scripted answer with an id of its own."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", "logprobs": None}
    body = {"id": id_, "object": "chat.completion", "created": 1, "model": "gpt-test", "choices": [choice]}
    return {"do": "say", "whole": body}


def test_deleting_one_of_two_replies_keeps_the_turn_for_the_other(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    client = graft.client(key)
    upstream.script(whole("chatcmpl-one", "Knock knock"), whole("chatcmpl-two", "Who is there?"))
    for _ in range(2):
        asked(client, "Tell me a joke")
    assert [one.id for one in client.chat.completions.list()] == ["chatcmpl-one", "chatcmpl-two"]
    client.chat.completions.delete("chatcmpl-one")
    assert [one.id for one in client.chat.completions.list()] == ["chatcmpl-two"]
    assert [node.message.text for node in graft.nodes(user)] == ["Tell me a joke", "Who is there?"]


def test_an_id_that_a_provider_used_twice_stands_for_the_newest(graft: Served, upstream: UpstreamDouble) -> None:
    key, user = graft.key()
    client = graft.client(key)
    upstream.script(whole("chatcmpl-same", "One"), whole("chatcmpl-same", "Two"))
    for text in ("First question", "A second, quite different one"):
        asked(client, text)
    assert [one.choices[0].message.content for one in client.chat.completions.list()] == ["Two"]
    assert client.chat.completions.retrieve("chatcmpl-same").choices[0].message.content == "Two"
    client.chat.completions.delete("chatcmpl-same")
    assert client.chat.completions.list().data == []
    assert graft.nodes(user) == []


def test_what_is_gone_from_the_tree_is_gone_from_the_list(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-test", messages=[{"role": "user", "content": "To be deleted"}]
    )
    client.delete(f"/../api/nodes/{raw.headers['x-graft-node']}", cast_to=object)
    assert client.chat.completions.list().data == []


@pytest.mark.parametrize("model", ["gpt-test:off", "status-500", "cut"])
def test_what_was_not_stored_or_not_finished_is_not_listed(client: openai.OpenAI, model: str) -> None:
    with contextlib.suppress(openai.APIError):
        list(asked(client, "Not kept", model=model, stream=True))
    assert client.chat.completions.list().data == []


def test_store_false_is_honoured_by_keys_that_say_so(graft: Served) -> None:
    plain, who = graft.key()
    asked(graft.client(plain), "Remember me", store=False)
    assert len(graft.nodes(who)) == 2
    honouring, whom = graft.key(honours_store=True)
    client = graft.client(honouring)
    told = client.chat.completions.with_raw_response.create(
        model="gpt-test", messages=[{"role": "user", "content": "Forget me"}], store=False
    )
    assert told.headers["x-graft-route"] == "aside"
    assert graft.nodes(whom) == []
    asked(client, "Remember me", store=True)
    assert len(graft.nodes(whom)) == 2


@pytest.mark.parametrize("told", [{"limit": 0}, {"limit": 101}, {"order": "upwards"}, {"limit": "many"}])
def test_a_list_that_cannot_be_is_refused(client: openai.OpenAI, told: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.list(extra_query=told)
