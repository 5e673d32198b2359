"""Somebody who chats for as long as they are let: in a tree of their own, in every way there is, and leaves when they like.

A chat is some twenty acts in a tree that is made for it; then the tree is compared with what its client was told, and deleted, so that
a server that lets go of what it is done with holds as much after an hour as after a minute.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import aiohttp

from tests.doubles.pictures import data_url
from tests.soak.promises import Broken, Told, kept

Json = dict[str, Any]
MODELS = ("native", "raw", "litellm")
TOOLS = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}]
FAULTS = ("cut after=3", "eof after=3", "error after=3", "cut after=0", "status code=500", "status code=429")
SILENT = ("slow delay_s=0.05", "slow delay_s=0.02", "stall after=2", "hang")
"""What a client may leave; a plain request is answered whether its client waits or not, so it gets no provider that hangs."""
COMMANDS = ("where", "tree", "new", "back", "help", "goto root")
FEWEST, MOST = 12, 28
"""Acts in one tree."""
TOPICS = ("bread", "locks", "tides", "glaciers", "violins", "trams", "bees", "harbours", "mosses", "kites")
WORDS = [
    "why",
    "does",
    "it",
    "take",
    "so",
    "long",
    "and",
    "what",
    "would",
    "you",
    "try",
    "first",
    "if",
    "there",
    "were",
    "little",
    "time",
    "left",
    "for",
    "it",
    "today",
]


class Somebody:
    """One client under one key."""

    def __init__(
        self, number: int, key: str, chance: random.Random, happened: Counter[str], lanes: Sequence[str] = MODELS
    ) -> None:
        self._number = number
        self._headers = {"authorization": f"Bearer {key}"}
        self._chance = chance
        self._happened = happened
        self._lanes = lanes
        self._count = itertools.count()
        self._begin("", "")

    def _begin(self, tree: str, tree_id: str) -> None:
        self._tree, self._tree_id = tree, tree_id
        self._history: list[Json] = []
        self._told: list[Told] = []

    async def live(self, http: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """Chat after chat until told to stop. Raises Broken."""
        while not stop.is_set():
            await self.chat(http, stop)

    async def chat(self, http: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """One tree from its making to its end. Raises Broken."""
        name = f"soak {self._number} {next(self._count)}"
        made = await self._api(http, "POST", "/api/trees", {"name": name})
        self._begin(name, made["id"])
        for _ in range(self._chance.randint(FEWEST, MOST)):
            if stop.is_set():
                break
            [act] = self._chance.choices(list(ACTS), list(ACTS.values()))
            await act(self, http)
            self._happened["acts"] += 1
        exported = await self._api(http, "GET", f"/api/trees/{self._tree_id}/export")
        self._happened["turns kept"] += kept(exported, self._told)
        await self._api(http, "DELETE", f"/api/trees/{self._tree_id}")

    async def plain(self, http: aiohttp.ClientSession) -> None:
        await self._turn(http, stream=False)

    async def streamed(self, http: aiohttp.ClientSession) -> None:
        await self._turn(http, stream=True)

    async def slowly(self, http: aiohttp.ClientSession) -> None:
        await self._turn(http, stream=True, marker="slow delay_s=0.02")

    async def with_tools(self, http: aiohttp.ClientSession) -> None:
        """A call of tools, and its results."""
        stream = self._chance.random() < 0.5
        said = await self._turn(http, stream=stream, marker="tools", tools=TOOLS)
        if said is None:
            return
        results = [
            {"role": "tool", "tool_call_id": call["id"], "content": f"It is {self._chance.randint(-20, 40)} degrees."}
            for call in self._history[-1]["tool_calls"]
        ]
        await self._ask(http, [*self._history, *results], said, stream=stream, tools=TOOLS)

    async def with_an_image(self, http: aiohttp.ClientSession) -> None:
        await self._turn(http, stream=True, image=True)

    async def through_a_fault(self, http: aiohttp.ClientSession) -> None:
        """The provider fails; the client drops the turn and goes on."""
        before = list(self._history)
        await self._turn(http, stream=self._chance.random() < 0.6, marker=self._chance.choice(FAULTS))
        self._history = before

    async def leaving(self, http: aiohttp.ClientSession) -> None:
        """The client goes in the middle: before the head, between chunks, or from a provider that is silent."""
        marker = self._chance.choice(SILENT)
        stream = marker in ("hang", "stall after=2") or self._chance.random() < 0.5
        body = self._body([*self._history, self._said(marker)], stream=stream)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._chance.uniform(0.01, 0.6)):
                async with http.post("/v1/chat/completions", json=body, headers=self._placed()) as answer:
                    async for _ in answer.content:
                        pass
        self._happened["left"] += 1

    async def commanding(self, http: aiohttp.ClientSession) -> None:
        said = {"role": "user", "content": f"/graft {self._chance.choice(COMMANDS)}"}
        body = self._body([*self._history, said], stream=False)
        async with http.post("/v1/chat/completions", json=body, headers=self._placed()) as answer:
            told = await self._json(answer)
        self._history += [said, {"role": "assistant", "content": told["choices"][0]["message"]["content"]}]
        self._happened["commands"] += 1

    async def helping(self, http: aiohttp.ClientSession) -> None:
        """A helper request, as frontends send them behind a chat."""
        asked = {"role": "user", "content": "Give this chat a title."}
        body = self._body([*self._history, asked], stream=False)
        headers = {**self._placed(), "x-graft-task": "title"}
        async with http.post("/v1/chat/completions", json=body, headers=headers) as answer:
            if answer.status == 200 and answer.headers["x-graft-route"] != "aside":
                raise Broken("A helper request was remembered.")
            await answer.read()
        self._happened["helpers"] += 1

    async def looking(self, http: aiohttp.ClientSession) -> None:
        """The tree API, read."""
        tree = f"/api/trees/{self._tree_id}"
        paths = ["/api/trees", tree, f"{tree}/structure", f"{tree}/zones", f"{tree}/status", "/api/search?q=bread"]
        if self._told:
            node = self._chance.choice(self._told).node
            paths += [f"/api/nodes/{node}/{what}" for what in ("path", "receipt", "context", "siblings")]
        await self._api(http, "GET", self._chance.choice(paths))

    async def changing(self, http: aiohttp.ClientSession) -> None:
        """The tree API, written."""
        tree, text = f"/api/trees/{self._tree_id}", self._words()
        verb, path, body = self._chance.choice(
            [
                ("PATCH", tree, {"title": text}),
                ("PUT", f"{tree}/zones/discussion", {"text": text}),
                ("PUT", f"{tree}/scratchpad", {"text": text}),
                ("POST", f"{tree}/artefacts", {"title": text, "text": text * 20}),
                ("POST", "/api/route", {"messages": [{"role": "user", "content": text}], "tree_id": self._tree_id}),
            ]
        )
        await self._api(http, verb, path, body)

    async def talking(self, http: aiohttp.ClientSession) -> None:
        """A turn by the tree API, and now and then another reply to it."""
        said, model = self._words(), self._chance.choice(self._lanes)
        answered = await self._api(
            http, "POST", f"/api/trees/{self._tree_id}/chat", {"content": said, "model": model}, may_fail=True
        )
        if answered is None:
            return
        reply = answered["ai_message"]
        self._told.append(Told(said, reply["id"], reply["content"]))
        if self._chance.random() < 0.5:
            await self._api(http, "POST", f"/api/nodes/{reply['id']}/regenerate", {"model": model}, may_fail=True)

    async def _turn(
        self, http: aiohttp.ClientSession, *, stream: bool, marker: str = "", image: bool = False, **options: Any
    ) -> str | None:
        """One turn behind the history; its text, or `None` where it was not answered whole."""
        said = self._said(marker)
        text = str(said["content"])
        if image:
            said["content"] = [
                {"type": "text", "text": text},
                {"type": "image_url", "image_url": {"url": data_url()}},
            ]
        whole = await self._ask(http, [*self._history, said], text, stream=stream, **options)
        return text if whole else None

    async def _ask(
        self, http: aiohttp.ClientSession, messages: list[Json], said: str, *, stream: bool, **options: Any
    ) -> bool:
        """Send messages; what came of it is in the history and among the promises. Whether it was answered whole."""
        body = self._body(messages, stream=stream, **options)
        async with http.post("/v1/chat/completions", json=body, headers=self._placed()) as answer:
            if answer.status != 200:
                self._failed(answer.status, await answer.text(), said)
                return False
            message = await (_streamed(answer) if stream else _plain(answer))
            node = answer.headers["x-graft-node"]
        if message is None:
            self._happened["broke off"] += 1
            return False
        self._told.append(Told(said, node, message["content"]))
        self._history = [*messages, {name: value for name, value in message.items() if value is not None}]
        self._happened["turns"] += 1
        return True

    def _failed(self, status: int, told: str, said: str) -> None:
        """A provider's failure is no failure of ours, if there was one. Raises Broken."""
        if "[[" not in said and "left alone for a moment" not in told:
            raise Broken(f"{status}: {told[:500]}")
        self._happened[f"{status}"] += 1

    def _body(self, messages: list[Json], *, stream: bool, **options: Any) -> Json:
        return {"model": self._chance.choice(self._lanes), "messages": messages, "stream": stream, **options}

    def _placed(self) -> dict[str, str]:
        policy = {"x-graft-route": "follow"} if self._chance.random() < 0.5 else {}
        return {**self._headers, "x-graft-tree": self._tree, "x-session-id": self._tree, **policy}

    def _said(self, marker: str) -> Json:
        return {"role": "user", "content": self._words() + (f" [[{marker}]]" if marker else "")}

    def _words(self) -> str:
        words = " ".join(self._chance.choices(WORDS, k=self._chance.randint(3, 12)))
        return f"{self._chance.choice(TOPICS)} {self._number}.{next(self._count)}: {words}"

    async def _api(
        self, http: aiohttp.ClientSession, verb: str, path: str, body: Json | None = None, *, may_fail: bool = False
    ) -> Any:
        async with http.request(verb, path, json=body, headers=self._headers) as answer:
            self._happened["api"] += 1
            if may_fail and answer.status in (429, 500, 502, 503, 504):
                self._failed(answer.status, await answer.text(), "")
                return None
            return await self._json(answer)

    async def _json(self, answer: aiohttp.ClientResponse) -> Any:
        text = await answer.text()
        if answer.status >= 300:
            raise Broken(f"{answer.method} {answer.url.path}: {answer.status} {text[:500]}")
        return json.loads(text) if text else None


ACTS: dict[Callable[[Somebody, aiohttp.ClientSession], Awaitable[None]], int] = {
    Somebody.plain: 10,
    Somebody.streamed: 12,
    Somebody.slowly: 4,
    Somebody.with_tools: 6,
    Somebody.with_an_image: 4,
    Somebody.through_a_fault: 5,
    Somebody.leaving: 6,
    Somebody.commanding: 3,
    Somebody.helping: 3,
    Somebody.looking: 8,
    Somebody.changing: 6,
    Somebody.talking: 4,
}
"""How often of each, beside the others."""


async def _plain(answer: aiohttp.ClientResponse) -> Json:
    message: Json = (await answer.json())["choices"][0]["message"]
    return message


async def _streamed(answer: aiohttp.ClientResponse) -> Json | None:
    """The message that a stream adds up to; `None` where it broke off."""
    text, calls = "", {}
    async for line in answer.content:
        if line.startswith(b"data: [DONE]"):
            told: Json = {"role": "assistant", "content": text or None}
            return {**told, "tool_calls": list(calls.values())} if calls else told
        if not line.startswith(b"data: "):
            continue
        for choice in json.loads(line[6:]).get("choices", []):
            text += choice["delta"].get("content") or ""
            for part in choice["delta"].get("tool_calls") or []:
                call = calls.setdefault(part["index"], {"id": part.get("id"), "type": "function", "function": {}})
                for name, value in part["function"].items():
                    if value is not None:
                        call["function"][name] = call["function"].get(name, "") + value
    return None
