"""The dialogue with `openai` for Python: a stream, a plain reply, and tools through its stream helper."""

import json
import sys

from openai import OpenAI

FIRST, SECOND, THIRD, FOURTH = json.loads(sys.argv[1])

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}]

client = OpenAI(max_retries=0)
messages = [{"role": "system", "content": "You are a baker."}]
replies = []


def add(role: str, content: str) -> None:
    messages.append({"role": role, "content": content})


def answered(content: str) -> None:
    replies.append(content)
    add("assistant", content)


def plainly() -> None:
    reply = client.chat.completions.create(model="gpt-test", messages=messages)
    answered(reply.choices[0].message.content)


add("user", FIRST)
chunks = client.chat.completions.create(model="gpt-test", messages=messages, stream=True)
answered("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices))
add("user", SECOND)
plainly()
add("user", THIRD)
while True:
    with client.chat.completions.stream(model="gpt-test", messages=messages, tools=TOOLS) as stream:
        message = stream.get_final_completion().choices[0].message
    if not message.tool_calls:
        break
    messages.append(message.to_dict())
    for call in message.tool_calls:
        city = json.loads(call.function.arguments)["city"]
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"7 degrees in {city}"})
answered(message.content)
add("user", FOURTH)
plainly()
print(json.dumps({"replies": replies}))
