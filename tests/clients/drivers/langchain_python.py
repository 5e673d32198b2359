"""The dialogue with `langchain-openai`: a stream, a plain reply, and bound tools."""

import json
import sys

from langchain_core.messages import HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

FIRST, SECOND, THIRD, FOURTH = json.loads(sys.argv[1])


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"7 degrees in {city}"


model = ChatOpenAI(model="gpt-test", max_retries=0, use_responses_api=False)
messages = [SystemMessage("You are a baker."), HumanMessage(FIRST)]
replies = []


def answered(message) -> None:
    replies.append(message.content)
    messages.append(message)


def summed(chunks):
    whole = None
    for chunk in chunks:
        whole = chunk if whole is None else whole + chunk
    return whole


answered(summed(model.stream(messages)))
messages.append(HumanMessage(SECOND))
answered(model.invoke(messages))
messages.append(HumanMessage(THIRD))
armed = model.bind_tools([weather])
message = summed(armed.stream(messages))
while message.tool_calls:
    messages.append(message)
    for call in message.tool_calls:
        messages.append(ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"]))
    message = summed(armed.stream(messages))
answered(message)
messages.append(HumanMessage(FOURTH))
answered(model.invoke(messages))
print(json.dumps({"replies": replies}))
