"""The road of a turn over a real store in memory, with a router and an upstream that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.chat.answer import Chat
from proxy.chat.collect import Fold
from proxy.chat.history.cursor import Cursor, locate
from proxy.chat.request import Transcript, read
from proxy.chat.terms import Answer, Rules
from proxy.domain.message import Message
from proxy.domain.placement import Attachment, Question
from proxy.domain.tree import Node, NodeId, TreeId, UserId
from proxy.domain.turn import Asked, Caller, Chunk, Price, Receipt, Turn
from proxy.store import SqliteStore

Json = dict[str, Any]
Script = Callable[[Asked], AsyncGenerator[Chunk, None]]

ANN = Caller(UserId("ann"), "key-ann", "person")
LONG = "a reply that is long enough to be known again by itself wherever it may turn up"


def user(text: object) -> Json:
    return {"role": "user", "content": text}


def assistant(text: object, **more: object) -> Json:
    return {"role": "assistant", "content": text, **more}


def system(text: str) -> Json:
    return {"role": "system", "content": text}


def tool(call_id: str, text: str = "done") -> Json:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def calling(*ids: str) -> Json:
    calls = [{"id": one, "type": "function", "function": {"name": "look", "arguments": "{}"}} for one in ids]
    return assistant(None, tool_calls=calls)


def piece(delta: Json, reason: str | None = None, index: int = 0) -> Chunk:
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return Chunk({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]})


def whole(*messages: Json, reason: str | None = "stop") -> Chunk:
    choices = [{"index": i, "message": message, "finish_reason": reason} for i, message in enumerate(messages)]
    usage = {"total_tokens": 3}
    return Chunk(
        {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices} | {"usage": usage}
    )


def pieces(text: str) -> list[Chunk]:
    """A reply as a stream: role, words, end, usage."""
    words = [piece({"content": word}) for word in text.replace(" ", " \0").split("\0")]
    usage = Chunk({"id": "c1", "object": "chat.completion.chunk", "choices": [], "usage": {"total_tokens": 3}})
    return [piece({"role": "assistant", "content": ""}), *words, piece({}, "stop"), usage]


def script(*steps: Chunk | Exception | asyncio.Event) -> Script:
    """An answer of these chunks; an event is waited for, an error is raised."""

    async def answer(_: Asked) -> AsyncGenerator[Chunk, None]:
        for step in steps:
            if isinstance(step, Exception):
                raise step
            if isinstance(step, asyncio.Event):
                await step.wait()
            else:
                yield step

    return answer


class FakeUpstream:
    """Implements `ports.Upstream`: queued answers, else a long one that names what was asked."""

    def __init__(self) -> None:
        self.answers: list[str | Json | Exception | Script] = []
        self.asked: list[Asked] = []
        self.window = 100_000
        self.one_system = False
        self.counted: list[str] = []
        self.may_count = True
        self.prices: dict[str, Price] = {}
        self.usage: Json | None = None
        self.left = 0
        """Answers that were closed before their end."""
        self._news = asyncio.Event()

    @property
    def sent(self) -> list[Json]:
        """The messages of the last request."""
        return [dict(wire) for wire in self.asked[-1].messages]

    @property
    def texts(self) -> list[str]:
        return [Message(wire).text for wire in self.asked[-1].messages]

    async def began(self, count: int = 1) -> None:
        """Wait until so many requests have come."""
        while len(self.asked) < count:
            self._news.clear()
            await self._news.wait()

    async def ask(self, asked: Asked) -> AsyncGenerator[Chunk, None]:
        self.asked.append(asked)
        self._news.set()
        answer = self.answers.pop(0) if self.answers else f"Reply {len(self.asked)}: {LONG}"
        chunks = answer(asked) if callable(answer) else self._plain(asked, answer)
        try:
            async for chunk in chunks:
                yield chunk
        except (asyncio.CancelledError, GeneratorExit):
            self.left += 1
            raise
        finally:
            await chunks.aclose()

    async def _plain(self, asked: Asked, answer: str | Json | Exception) -> AsyncGenerator[Chunk, None]:
        if isinstance(answer, Exception):
            raise answer
        if not asked.stream:
            chunk = whole(answer if isinstance(answer, dict) else assistant(answer, refusal=None))
            yield Chunk({**chunk.wire, "usage": self.usage or chunk.wire["usage"]})
            return
        for chunk in pieces(answer) if isinstance(answer, str) else [piece(answer), piece({}, "stop")]:
            yield chunk

    def window_tokens(self, model: str) -> int:
        return self.window

    def takes_one_system(self, model: str) -> bool:
        return self.one_system

    def count(self, model: str, text: str) -> int:
        assert self.may_count, "counted on the road"
        self.counted.append(text)
        return len(text.split())

    def price(self, model: str) -> Price | None:
        return self.prices.get(model)


class FakeRouter:
    """Implements `ports.TurnRouter`: goes where a test says, else stays at the cursor."""

    def __init__(self) -> None:
        self.questions: list[Question] = []
        self.warmed: list[TreeId] = []
        self.to: list[NodeId | str | None] = []
        """Where the next turns go."""

    async def attach(self, question: Question) -> Attachment:
        self.questions.append(question)
        parent = (
            NodeId(str(self.to.pop(0))) if self.to and self.to[0] else (self.to.pop(0) if self.to else question.cursor)
        )
        route = "root" if parent is None else "continue" if parent == question.cursor else "return"
        return Attachment(parent, route, "as the test says", 0.8, "embedded")

    async def warm(self, user_id: UserId, tree_id: TreeId) -> None:
        self.warmed.append(tree_id)


@dataclass
class Told:
    """What a client received."""

    chunks: list[Chunk]
    receipt: Receipt | None

    @property
    def message(self) -> Json:
        """The reply as clients put it into their history."""
        fold = Fold()
        for chunk in self.chunks:
            fold.add(chunk)
        return dict(fold.completion().messages[0].wire)

    @property
    def text(self) -> str:
        return str(self.message["content"])

    @property
    def node(self) -> str:
        assert self.receipt is not None
        return self.receipt.node_id

    @property
    def parent(self) -> str | None:
        assert self.receipt is not None
        return self.receipt.parent_id

    @property
    def route(self) -> str:
        assert self.receipt is not None
        return self.receipt.route


class Road:
    """A server's inside, and one user's way through it."""

    def __init__(self, store: SqliteStore, rules: Rules | None = None) -> None:
        self.store = store
        self.router = FakeRouter()
        self.upstream = FakeUpstream()
        self.chat = Chat(store, self.router, self.upstream, rules or Rules())

    async def open(self, *messages: Json, caller: Caller = ANN, stream: bool = True, **turn: Any) -> Answer:
        """An answer whose chunks nobody has read yet."""
        asked = Turn(**{"model": "m", "messages": [Message(one) for one in messages], "stream": stream} | turn)
        return await self.chat.answer(asked, caller)

    async def ask(self, *messages: Json, **more: Any) -> Told:
        """One request, read to its end."""
        answer = await self.open(*messages, **more)
        return Told([chunk async for chunk in answer.chunks], answer.receipt)

    async def nodes(self, user_id: str = "ann", tree: str = "main") -> list[Node]:
        tree_id = (await self.store.tree(UserId(user_id), tree)).id
        return [node async for node in self.store.nodes(UserId(user_id), tree_id)]

    async def said(self, user_id: str = "ann", tree: str = "main") -> list[str]:
        """What is stored, in order of arrival."""
        return [node.message.text for node in await self.nodes(user_id, tree)]

    async def path(self, node_id: str) -> list[str]:
        return [node.message.text for node in await self.store.path(UserId("ann"), NodeId(node_id))]

    async def cursor(self, *messages: Json, hint: str | None = None) -> Cursor:
        """Where a client with this history is."""
        transcript = await self.transcript(*messages)
        sighting = await self.store.recognise(UserId("ann"), transcript.links, tree_id=None, conversation=hint)
        return locate(transcript.said, transcript.links, sighting)

    async def transcript(self, *messages: Json) -> Transcript:
        turn = Turn("m", [Message(one) for one in messages])
        return read(turn, await self.store.user(UserId("ann")))

    async def settle(self) -> None:
        await self.chat.tasks.finish()


class Talker:
    """A client with one linear chat, sent again whole every time."""

    def __init__(self, road: Road, **turn: Any) -> None:
        self.road = road
        self.turn = turn
        self.history: list[Json] = []
        self.told: list[Told] = []

    async def say(self, text: object, **turn: Any) -> Told:
        self.history.append(user(text))
        return await self.ask(**turn)

    async def ask(self, **turn: Any) -> Told:
        """Ask for a reply to the history as it stands."""
        told = await self.road.ask(*self.history, **{**self.turn, **turn})
        self.history.append(told.message)
        self.told.append(told)
        return told


def texts(messages: Sequence[Json]) -> list[str]:
    return [Message(message).text for message in messages]
