"""The dialogue with LiteLLM's SDK: a stream, a plain reply, and tools."""

import json
import os
import sys

import litellm

FIRST, SECOND, THIRD, FOURTH = json.loads(sys.argv[1])

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}]

litellm.suppress_debug_info = True  # it would print hints
where = {"model": "openai/gpt-test", "api_base": os.environ["OPENAI_BASE_URL"], "api_key": os.environ["OPENAI_API_KEY"]}
messages = [{"role": "system", "content": "You are a baker."}]
replies = []


def add(role: str, content: str) -> None:
    messages.append({"role": role, "content": content})


def answered(content: str) -> None:
    replies.append(content)
    add("assistant", content)


def plainly() -> None:
    answered(litellm.completion(**where, messages=messages, num_retries=0).choices[0].message.content)


add("user", FIRST)
chunks = list(litellm.completion(**where, messages=messages, stream=True))
answered(litellm.stream_chunk_builder(chunks).choices[0].message.content)
add("user", SECOND)
plainly()
add("user", THIRD)
while True:
    chunks = list(litellm.completion(**where, messages=messages, tools=TOOLS, stream=True))
    message = litellm.stream_chunk_builder(chunks).choices[0].message
    if not message.tool_calls:
        break
    messages.append(message.model_dump())
    for call in message.tool_calls:
        city = json.loads(call.function.arguments)["city"]
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"7 degrees in {city}"})
answered(message.content)
add("user", FOURTH)
plainly()
print(json.dumps({"replies": replies}))
