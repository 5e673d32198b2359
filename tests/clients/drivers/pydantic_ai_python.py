"""The dialogue with `pydantic-ai`: a stream, a plain run, and a run that uses a tool."""

import asyncio
import json
import sys

from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel

FIRST, SECOND, THIRD, FOURTH = json.loads(sys.argv[1])

model = OpenAIChatModel("gpt-test")
speaker = Agent(model, instructions="You are a baker.")
worker = Agent(model, instructions="You are a baker.")


@worker.tool_plain
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"7 degrees in {city}"


async def main() -> None:
    async with speaker.run_stream(FIRST) as stream:
        pieces = [piece async for piece in stream.stream_text(delta=True)]
        history = stream.all_messages()
    replies = ["".join(pieces)]
    for agent, text in (
        (speaker, SECOND),
        (worker, THIRD),
        (speaker, FOURTH),
    ):
        done = await agent.run(text, message_history=history)
        history = done.all_messages()
        replies.append(done.output)
    print(json.dumps({"replies": replies}))


asyncio.run(main())
