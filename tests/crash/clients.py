"""Clients that chat until their server dies under them, and note what they were told."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from typing import Any

import aiohttp

from tests.crash.ledger import Told

GONE = (aiohttp.ClientError, ConnectionError, asyncio.TimeoutError)
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
WORDS = [
    "the",
    "lock",
    "keeper",
    "opens",
    "a",
    "gate",
    "and",
    "water",
    "falls",
    "from",
    "pound",
    "to",
    "pound",
    "until",
    "barge",
    "and",
    "level",
    "meet",
    "again",
    "below",
]


class Client:
    """Somebody with one linear chat, who sends its whole history every time and retries as an SDK does."""

    def __init__(self, number: int, chance: random.Random, ledger: list[Told]) -> None:
        self._number = number
        self._chance = chance
        self._ledger = ledger
        self._turns = itertools.count()
        self._history: list[dict[str, Any]] = []
        self._again: tuple[dict[str, Any], Told] | None = None
        """A request whose answer never came."""

    async def chat(self, http: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """Ask until told to stop, or until nobody answers."""
        while not stop.is_set():
            try:
                await self._turn(http)
            except GONE:
                return

    async def _turn(self, http: aiohttp.ClientSession) -> None:
        if self._again is not None and self._chance.random() < 0.7:
            body, told = self._again
        else:
            self._again = None
            if len(self._history) > 12:
                self._history = []
            body, told = self._new()
        await self._ask(http, body, told)
        if told.calls_tools:
            calls = self._history[-1]["tool_calls"]
            marks = [f"{told.echoes} gives {call['id'][-6:]} {next(self._turns)}" for call in calls]
            self._history += [
                {"role": "tool", "tool_call_id": call["id"], "content": mark}
                for call, mark in zip(calls, marks, strict=True)
            ]
            after = Told(marks, told.echoes)
            await self._ask(http, {**body, "messages": list(self._history)}, after)

    def _new(self) -> tuple[dict[str, Any], Told]:
        kind = self._chance.choice(["plain", "stream", "slow", "slow", "tools", "tools in a stream"])
        words = " ".join(self._chance.choice(WORDS) for _ in range(40 if kind == "slow" else 8))
        text = f"Client {self._number} asks {next(self._turns)}: {words}"
        text += {"slow": " [[slow delay_s=0.06]]", "tools": " [[tools]]", "tools in a stream": " [[tools]]"}.get(
            kind, ""
        )
        body = {
            "model": "gpt-test",
            "messages": [*self._history, {"role": "user", "content": text}],
            "stream": kind not in ("plain", "tools"),
        }
        if "tools" in kind:
            body["tools"] = TOOLS
        return body, Told([text], text, calls_tools="tools" in kind)

    async def _ask(self, http: aiohttp.ClientSession, body: dict[str, Any], told: Told) -> None:
        """One request; what came of it is in the ledger, whatever happens."""
        headers = {"x-session-id": f"client {self._number}"}
        if self._number % 2:
            headers["x-graft-route"] = "follow"
        if self._again is not None and self._again[0] is body:
            headers["x-stainless-retry-count"] = "1"
            told = Told(told.marks, told.echoes, told.calls_tools)
        self._ledger.append(told)
        self._again = (body, told)
        message: dict[str, Any] = {"role": "assistant", "content": None}
        async with http.post("/v1/chat/completions", json=body, headers=headers) as answer:
            told.node = answer.headers.get("x-graft-node")
            if answer.status != 200:
                raise AssertionError(f"{answer.status}: {await answer.text()}")
            if body["stream"]:
                await self._read(answer, message, told)
            else:
                message = (await answer.json())["choices"][0]["message"]
                told.reply = message["content"] or ""
        told.is_whole = True
        self._again = None
        self._history = [*body["messages"], {name: value for name, value in message.items() if value is not None}]

    async def _read(self, answer: aiohttp.ClientResponse, message: dict[str, Any], told: Told) -> None:
        calls: dict[int, dict[str, Any]] = {}
        async for line in answer.content:
            if not line.startswith(b"data: "):
                continue
            if line.startswith(b"data: [DONE]"):
                if calls:
                    message["tool_calls"] = list(calls.values())
                message["content"] = told.reply or None
                return
            for choice in json.loads(line[6:]).get("choices", []):
                delta = choice["delta"]
                told.reply += delta.get("content") or ""
                told.chunks.append((time.monotonic(), told.reply))
                for part in delta.get("tool_calls", []):
                    call = calls.setdefault(part["index"], {"id": part.get("id"), "type": "function", "function": {}})
                    for name, value in part["function"].items():
                        call["function"][name] = call["function"].get(name, "") + value
        raise aiohttp.ClientPayloadError("The stream broke off.")
