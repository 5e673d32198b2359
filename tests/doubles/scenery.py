"""Trees, an embedded scorer and an LLM for tests of the router, without a store, vectors or a model."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence

import anyio

from proxy.domain.message import Message
from proxy.domain.placement import Attachment, FeedNode, Mark, Question, TreeSlice
from proxy.domain.ports import ScorerReply
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.grove import Grove, TreeModel

USER, TREE = UserId("ann"), TreeId("t1")

_BLOCK = re.compile(r'<(window|point) id="(\d+)"[^>]*>\n(.*?)\n</\1>', re.DOTALL)


class Planting:
    """A tree that a test grows, and the feed that shows it."""

    def __init__(self) -> None:
        self.nodes: list[FeedNode] = []
        self.system_prompt: str | None = None

    def add(self, id: str, parent: str | None, role: str, text: str, **more) -> NodeId:
        parent_id = NodeId(parent) if parent else None
        node = FeedNode(NodeId(id), parent_id, role, text, created_at=float(len(self.nodes)), **more)
        self.nodes.append(node)
        return node.id

    def talk(self, topic: str, pairs: int = 1, under: str | None = None, **more) -> NodeId:
        """User and assistant in turn, ids such as `topic-1u` and `topic-1a`; the last reply's id."""
        for number in range(1, pairs + 1):
            question = self.add(f"{topic}-{number}u", under, "user", f"{topic} question {number}", **more)
            under = self.add(f"{topic}-{number}a", question, "assistant", f"{topic} reply {number}")
        return NodeId(under)

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:
        seen = mark.seen if mark else 0
        return TreeSlice(Mark(0, len(self.nodes)), self.nodes[seen:], mark is None, self.system_prompt)

    def grove(self) -> Grove:
        return Grove(self)

    def model(self) -> TreeModel:
        model = TreeModel()
        model.apply(TreeSlice(Mark(0, len(self.nodes)), self.nodes, reset=True, system_prompt=self.system_prompt))
        return model


def ask(new_turn: str = "what next?", cursor: str | None = None, **more) -> Question:
    return Question(USER, TREE, new_turn, NodeId(cursor) if cursor else None, **more)


def leaning(parent: str | None, confidence: float = 0.5, **more) -> Attachment:
    """An embedded scorer's answer."""
    parent_id = NodeId(parent) if parent else None
    return Attachment(parent_id, "return" if parent else "root", "It looks alike.", confidence, "embedded", **more)


class FakeGate:
    """An embedded scorer that says what it is told; likes the points in `favourites`, then those that came first."""

    def __init__(self, answer: Attachment | None = None, favourites: Sequence[str] = ()) -> None:
        self.answer = answer
        self.favourites = list(favourites)
        self.shortlisted: list[int] = []
        self.warmed: list[TreeModel] = []

    def attach(self, model: TreeModel, question: Question, until: float = math.inf) -> Attachment:
        return self.answer or leaning(question.cursor, unsure=True)

    def shortlist(self, model: TreeModel, question: Question, points: Sequence[NodeId], keep: int) -> list[NodeId]:
        self.shortlisted.append(len(points))
        return sorted(points, key=lambda point: point not in self.favourites)[:keep]

    def is_quick(self, model: TreeModel) -> bool:
        return False

    def warm(self, model: TreeModel) -> None:
        self.warmed.append(model)


class FakeScorer:
    """An LLM that reads the blocks it is shown and gives each the relevance that `like` gives its text.

    `texts` replaces its answers by scripted ones, in order; `pause` makes every call wait until it is set, and
    `arrived` is set once as many calls as `expected` are waiting.
    """

    def __init__(self, like: Callable[[str], float] = lambda text: 0.1, root: float = 0.0) -> None:
        self.like = like
        self.root = root
        self.texts: list[str | Exception] = []
        self.prompts: list[list[Message]] = []
        self.options: list[Mapping[str, object]] = []
        self.pause: anyio.Event | None = None
        self.arrived = anyio.Event()
        self.expected: int | None = None
        self.in_flight = 0
        self.most_in_flight = 0
        self.cancelled = 0

    @property
    def calls(self) -> int:
        return len(self.prompts)

    def blocks(self, call: int = -1) -> dict[int, str]:
        """The windows or points of a call by number."""
        return {int(number): text for _, number, text in _BLOCK.findall(self.prompts[call][-1].text)}

    async def __call__(self, messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        self.prompts.append(list(messages))
        self.options.append(options)
        call = len(self.prompts) - 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if self.in_flight == self.expected:
            self.arrived.set()
        try:
            if self.pause is not None:
                await self.pause.wait()
        except BaseException:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1
        return ScorerReply(self._text(call), prompt_tokens=100, completion_tokens=10)

    def _text(self, call: int) -> str:
        if self.texts:
            text = self.texts.pop(0)
            if isinstance(text, Exception):
                raise text
            return text
        liked = {number: self.like(text) for number, text in self.blocks(call).items()}
        if '{"places"' in self.prompts[call][0].text:
            liked[0] = self.root
            best = sorted(liked, key=lambda number: -liked[number])[:3]
            return json.dumps({"places": [{"id": n, "reasoning": f"place {n}", "relevance": liked[n]} for n in best]})
        order = sorted(liked, key=lambda number: -liked[number])
        return json.dumps(
            {
                "scores": [
                    {"id": n, "reasoning": f"window {n}", "relevance": liked[n], "rank": order.index(n) + 1}
                    for n in liked
                ]
            }
        )


def about(**topics: float) -> Callable[[str], float]:
    """Relevance by the first topic word that a text holds."""
    return lambda text: next((share for topic, share in topics.items() if topic in text), 0.05)
