"""Every kind of message list that OpenAI takes reaches the model as it was sent, on every lane, first and in later turns."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionMessageToolCallUnionParam
from openai.types.chat.chat_completion_content_part_param import ChatCompletionContentPartParam

from tests.conformance.conftest import Chat, Json, without_nulls

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
ODD = " \n\tGrüße…\u00a0\u2028👩\u200d👩\u200d👧 e\u0301 \ufeff\u202e \x7f  ```py\n\tif x:\r\n\t\tpass\n```\n\n "


def user(content: Any, **more: Any) -> Json:
    return {"role": "user", "content": content, **more}


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def system(words: Any, role: str = "system") -> Json:
    return {"role": role, "content": words}


def said(words: Any, **more: Any) -> Json:
    return {"role": "assistant", "content": words, **more}


def call(number: int, name: str = "weather", arguments: str = '{"city": "Oslo"}') -> Json:
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*numbers: int, content: str | None = None) -> Json:
    return {"role": "assistant", "content": content, "tool_calls": [call(number) for number in numbers]}


def result(number: int, content: Any = "21 degrees") -> Json:
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": content}


ASK = user("What is the weather in Oslo?")

MESSAGES: dict[str, list[Json]] = {
    "one message": [ASK],
    "a text part": [user([text("What is the weather?")])],
    "several text parts": [user([text("One"), text("two"), text(" three ")])],
    "white space and odd characters": [system(ODD), user(ODD), said(ODD), user([text(ODD), text(ODD)])],
    "a name": [user("I am Ada.", name="Ada")],
    "system and developer": [system("Be brief."), system("Be kind.", "developer"), ASK],
    "three system messages": [system("One."), system("Two."), system([text("Three."), text("Four.")]), ASK],
    "system text between": [ASK, said("Fine."), system("Now speak Norwegian."), user("Again, please.")],
    "system text last": [ASK, system("Answer in one word.")],
    "developer text everywhere": [
        system("One.", "developer"),
        ASK,
        system("Two.", "developer"),
        said("Fine."),
        system("Three.", "developer"),
        user("And in Lima?"),
        system("Four.", "developer"),
    ],
    "two user messages in a row": [user("Hello there, model."), user("Are you listening to me?")],
    "two assistant messages in a row": [ASK, said("Let me see."), said("Fine."), user("Thanks a lot.")],
    "an assistant's word first": [said("How can I help you today?"), ASK],
    "a prefill": [ASK, said("The weather in Oslo is")],
    "a prefill in parts": [ASK, said([text("The weather in Oslo is")])],
    "an earlier refusal": [ASK, said(None, refusal="I cannot."), user("Why is that so?")],
    "a refusal part": [ASK, said([{"type": "refusal", "refusal": "I cannot."}]), user("Why is that so?")],
    "an earlier spoken answer": [ASK, said(None, audio={"id": "audio_1"}), user("Say that once more.")],
    "a named assistant": [ASK, said("Fine.", name="bot"), user("And in Lima?")],
    "reasoning sent again": [ASK, said("Fine.", reasoning_content="Let me think."), user("And in Lima?")],
    "an image": [user([text("What is it?"), {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}])],
    "an image by its address": [
        user([{"type": "image_url", "image_url": {"url": "https://images.example/cat.png"}}, text("What is it?")])
    ],
    "an image alone": [user([{"type": "image_url", "image_url": {"url": PIXEL}}])],
    "sound": [user([{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}])],
    "a file": [
        user(
            [
                text("Sum it up."),
                {
                    "type": "file",
                    "file": {"filename": "a.pdf", "file_data": f"{PIXEL[:5]}application/pdf;base64,JVBERi0="},
                },
            ]
        )
    ],
    "a file by its id": [user([text("Sum it up."), {"type": "file", "file": {"file_id": "file-1"}}])],
    "one call": [ASK, calls(1), result(1)],
    "parallel calls": [ASK, calls(1, 2, 3), result(1), result(2), result(3)],
    "results in another order": [ASK, calls(1, 2, 3), result(3), result(1), result(2)],
    "words beside a call": [ASK, calls(1, content="Let me look."), result(1)],
    "a result in parts": [ASK, calls(1), result(1, [text("21"), text("degrees")])],
    "an empty result": [ASK, calls(1), result(1, "")],
    "several rounds": [ASK, calls(1, 2), result(2), result(1), calls(3), result(3), calls(4), result(4)],
    "a round, answered, and another": [ASK, calls(1), result(1), said("21."), user("In Lima?"), calls(2), result(2)],
    "old rounds in the history": [ASK, calls(1), result(1), said("21 degrees."), user("Is that warm or cold?")],
    "a custom tool's call": [
        ASK,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}],
        },
        result(1),
    ],
    "arguments that are no JSON": [ASK, {**calls(1), "tool_calls": [call(1, arguments='{"city": "Os')]}, result(1)],
    "a legacy function's call": [
        ASK,
        said(None, function_call={"name": "weather", "arguments": "{}"}),
        {"role": "function", "name": "weather", "content": "21 degrees"},
    ],
    "provider fields in messages": [
        system([{**text("Be brief."), "cache_control": {"type": "ephemeral"}}]),
        user([{**text("Hello, who are you?"), "cache_control": {"type": "ephemeral"}}]),
    ],
}

TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]


def test_every_role_part_and_call_that_openai_documents_is_here() -> None:
    roles = {role for shape in get_args(ChatCompletionMessageParam) for role in literal(shape, "role")}
    parts = {kind for shape in get_args(ChatCompletionContentPartParam) for kind in literal(shape, "type")}
    kinds = {kind for shape in get_args(ChatCompletionMessageToolCallUnionParam) for kind in literal(shape, "type")}
    every = [message for messages in MESSAGES.values() for message in messages]
    in_parts = [part for message in every if isinstance(message["content"], list) for part in message["content"]]
    made = [made_call for message in every for made_call in message.get("tool_calls", ())]
    assert {message["role"] for message in every} == roles
    assert {part["type"] for part in in_parts} == parts | {"refusal"}
    assert {made_call["type"] for made_call in made} == kinds


@pytest.mark.parametrize("name", MESSAGES)
def test_a_list_reaches_the_model_as_it_was_sent(chat: Chat, name: str) -> None:
    answer = chat.post(MESSAGES[name], stream=True)
    assert answer.status_code == 200
    sent = chat.sent()["messages"]
    assert without_nulls(sent) == expected(chat, MESSAGES[name])
    if chat.lane == "raw":
        assert sent == MESSAGES[name]


@pytest.mark.parametrize("lane", ["native-reasoning", "litellm-reasoning"])
def test_a_model_that_reasons_gets_developer_text_as_such(chat: Chat) -> None:
    messages = MESSAGES["developer text everywhere"]
    assert chat.post(messages).status_code == 200
    assert chat.sent()["messages"] == messages


def expected(chat: Chat, messages: list[Json]) -> list[Json]:
    """As with LiteLLM, only OpenAI's o-series gets developer text as such, all others as system text."""
    if chat.lane != "raw":
        messages = [system(m["content"]) if m["role"] == "developer" else m for m in messages]
    return without_nulls(messages)


@pytest.mark.parametrize(
    "name", [name for name in MESSAGES if MESSAGES[name][-1]["role"] != "assistant" and name != "system text last"]
)
def test_the_next_turn_carries_it_again_with_the_reply(chat: Chat, name: str) -> None:
    first = chat.post(MESSAGES[name]).json()["choices"][0]["message"]
    history = [*MESSAGES[name], {"role": "assistant", "content": first["content"]}, user("Tell me more about that.")]
    answer = chat.post(history)
    assert answer.status_code == 200
    assert without_nulls(chat.sent()["messages"]) == expected(chat, history)


def test_a_whole_tool_loop_goes_round(chat: Chat) -> None:
    """Tools with every request, a forced call first, results in another order, then a turn that leaves the tools out."""
    messages: list[Json] = [ASK]
    forced = {"type": "function", "function": {"name": "weather"}}
    made = chat.post(messages, script={"do": "tools"}, tools=TOOLS, tool_choice=forced).json()["choices"][0]
    assert made["finish_reason"] == "tool_calls"
    assert chat.sent()["tool_choice"] == forced
    asked = [one["id"] for one in made["message"]["tool_calls"]]
    messages += [made["message"], *({"role": "tool", "tool_call_id": one, "content": one} for one in reversed(asked))]
    final = chat.post(messages, tools=TOOLS, parallel_tool_calls=True).json()["choices"][0]["message"]
    assert without_nulls(chat.sent()["messages"]) == expected(chat, messages)
    messages += [final, user("And which of them is warmer?")]
    assert chat.post(messages).status_code == 200
    assert without_nulls(chat.sent()["messages"]) == expected(chat, messages)
    assert "tools" not in chat.sent()


def literal(shape: type, name: str) -> tuple[str, ...]:
    from typing import get_type_hints

    return tuple(value for hint in (get_type_hints(shape)[name],) for value in get_args(hint))
