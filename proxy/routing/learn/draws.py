"""Further labelled placements, drawn from the same dialogues: nothing made accuracy grow like more decisions.

A drawn stream weaves dialogues as the benchmark's streams do: some conversations first, then turn after turn that goes on, returns
(half of the draws favour what was used recently) or opens a dialogue that the tree does not hold. A chat is woven from an empty tree
and goes on more often, as people do; how often differs between chats. Forks cannot be drawn: the source dialogues are paths.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, Prefix
from proxy.routing.learn.dialogues import Dialogue
from proxy.routing.reading import text
from proxy.routing.reading.cues import ENGLISH

PLAN = ((90, 4, 24), (70, 16, 40), (40, 64, 80), (16, 256, 150))
"""Streams, conversations at their start, decisions."""

MIXED = ((160, 1, 6), (30, 4, 24), (24, 16, 40), (10, 64, 80), (3, 256, 150))
"""The same for streams that hold errands too; most of them begin with a single conversation."""

CHATS = (60, 80)
"""Chats, and turns in each."""

CHAT_LEAST, CHAT_TOGETHER = 3, (6, 40)
"""Exchanges that a dialogue needs for a chat, and dialogues in one."""

CHAT_GOES_ON = (0.6, 0.95)
"""Chance that a turn of a chat goes on: one of these for a whole chat."""

CHAT_FOLLOW_UPS = 0.4
"""Share of the follow-ups of a chat that are learned from, for they are many and alike."""

CONTINUES, RETURNS = 0.42, 0.75
"""Cumulative shares; the rest opens something new."""

LEAST_TOPICAL = 3
"""Words that a returning turn needs, for a turn that could follow anything has no right place."""


def draw(
    dialogues: Mapping[str, Sequence[Dialogue]], plan: Sequence[tuple[int, int, int]] = PLAN, seed: int = 0
) -> list[Case]:
    """Cases in streams of their own."""
    cases: list[Case] = []
    for streams, size, steps in plan:
        for stream in range(streams):
            name = f"d{size}-{stream}"
            cases += _Weaver(dialogues, random.Random(f"{seed}-{name}"), name).weave(size, steps)  # noqa: S311 - no secret
    return cases


def draw_all(
    dialogues: Mapping[str, Sequence[Dialogue]], own: Mapping[str, Sequence[Dialogue]]
) -> tuple[list[Case], list[Case]]:
    """Streams of the dialogues alone, and streams and chats that hold those of our own making too."""
    both = {**dialogues, **own}
    return draw(dialogues, PLAN), [*draw(both, MIXED), *draw_chats(both)]


def draw_chats(dialogues: Mapping[str, Sequence[Dialogue]], seed: int = 0) -> list[Case]:
    """Cases in chats; none where all dialogues are short."""
    return [case for weaver, steps in _chats(dialogues, seed) for case in weaver.chat(steps)]


def _chats(dialogues: Mapping[str, Sequence[Dialogue]], seed: int) -> Iterator[tuple[_Weaver, int]]:
    """Weavers, each with its turns, over some of the longer dialogues."""
    long = {
        name: kept
        for name, paths in dialogues.items()
        if (kept := [path for path in paths if len(path) >= 2 * CHAT_LEAST])
    }
    chats, steps = CHATS if long else (0, 0)
    for chat in range(chats):
        rng = random.Random(f"{seed}-c{chat}")  # noqa: S311 - no secret
        some = rng.sample(sorted(long), min(len(long), rng.randint(*CHAT_TOGETHER)))
        yield _Weaver({name: long[name] for name in some}, rng, f"c{chat}", rng.uniform(*CHAT_GOES_ON)), steps


@dataclass(slots=True, eq=False)
class _Talk:
    messages: Dialogue
    said: int = 0
    nodes: list[NodeId] = field(default_factory=list)

    @property
    def turn(self) -> str | None:
        return self.messages[self.said] if self.said < len(self.messages) else None


class _Weaver:
    def __init__(
        self, dialogues: Mapping[str, Sequence[Dialogue]], rng: random.Random, name: str, goes_on: float = CONTINUES
    ) -> None:
        self._dialogues, self._rng, self._name = dialogues, rng, name
        self._goes_on = goes_on
        self._goes_back = goes_on + (1 - goes_on) * (RETURNS - CONTINUES) / (1 - CONTINUES)
        self._unused = sorted(dialogues)
        rng.shuffle(self._unused)
        self._nodes: list[FeedNode] = []
        self._talks: list[_Talk] = []
        """The one used last stands last."""

    def weave(self, size: int, steps: int) -> list[Case]:
        for _ in range(min(size, len(self._unused))):
            self._begin()
        return self._decisions(steps)

    def chat(self, steps: int) -> list[Case]:
        """From an empty tree; most follow-ups are left out."""
        self._say(self._open())
        decisions = self._decisions(steps)
        return [case for case in decisions if case.kind != "continue" or self._rng.random() < CHAT_FOLLOW_UPS]

    def _decisions(self, steps: int) -> list[Case]:
        cases = []
        for step in range(steps):
            drawn = self._next()
            if drawn is None:
                break
            kind, talk = drawn
            gold = talk.nodes[-1] if talk.nodes else None
            branch = talk.nodes[0] if talk.nodes else None
            assert talk.turn is not None
            cases.append(
                Case(
                    id=f"{self._name}-{step}",
                    suite="core",
                    kind=kind,
                    tags=(),
                    turn=talk.turn,
                    active=self._talks[-1].nodes[-1],
                    gold=(gold,),
                    gold_branch=frozenset([branch]),
                    history=Prefix(self._nodes, len(self._nodes)),
                )
            )
            self._say(talk)
        return cases

    def _begin(self) -> None:
        """A conversation of the past: all but its last turn, now and then left for another one's next turn."""
        talk = self._open()
        turns = len(talk.messages) // 2
        for _ in range(self._rng.randint(1, max(1, turns - 1)) if self._rng.random() < 0.8 else 1):
            if self._rng.random() < 0.35 and len(self._talks) > 1:
                other = self._rng.choice(self._talks[-6:])
                if other.said < len(other.messages) - 2:
                    self._say(other)
            if talk.turn is not None:
                self._say(talk)

    def _next(self) -> tuple[str, _Talk] | None:
        drawn, active = self._rng.random(), self._talks[-1]
        if drawn < self._goes_on and active.turn is not None:
            return "continue", active
        if drawn < self._goes_back:
            talk = self._returning([talk for talk in self._talks[:-1] if talk.turn is not None])
            if talk is not None:
                return "return", talk
        return ("new", self._open()) if self._unused else None

    def _returning(self, open_talks: list[_Talk]) -> _Talk | None:
        recent = [1 / (len(open_talks) - at) for at in range(len(open_talks))]
        for _ in range(6 if open_talks else 0):
            uniform = self._rng.random() < 0.5
            talk = self._rng.choices(open_talks, None if uniform else recent)[0]
            assert talk.turn is not None
            pointing = ENGLISH.holds["pronoun of a thing"].search(talk.turn) and self._rng.random() < 0.5
            if len(set(text.words(talk.turn))) >= LEAST_TOPICAL and not pointing:
                return talk
        return None

    def _open(self) -> _Talk:
        return _Talk(self._rng.choice(list(self._dialogues[self._unused.pop()])))

    def _say(self, talk: _Talk) -> None:
        for role in ("user", "assistant"):
            node = NodeId(f"n{len(self._nodes)}")
            parent = talk.nodes[-1] if talk.nodes else None
            said = talk.messages[talk.said]
            self._nodes.append(
                FeedNode(node, parent, "user" if role == "user" else "assistant", said, float(len(self._nodes)))
            )
            talk.nodes.append(node)
            talk.said += 1
        if talk in self._talks:
            self._talks.remove(talk)
        self._talks.append(talk)
