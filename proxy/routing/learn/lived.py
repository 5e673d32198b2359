"""What a user would live with: the benchmark's streams, requests without history and single cases, all on dialogues never seen.

Every turn is placed by the scorer as it serves, with weights that never saw its dialogue.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from proxy.domain.placement import Attachment, FeedNode, Question
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.bench import run
from proxy.routing.bench.cases import Case, played
from proxy.routing.bench.fresh import fresh_cases, fresh_figures
from proxy.routing.bench.metrics import Judged, Prediction, judge, summary
from proxy.routing.bench.mixes import Mix, Played, shares, woven
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.grove import Grove
from proxy.routing.learn.dialogues import concerned, named, stream_of

Scorers = Callable[[str], EmbeddedScorer]
"""The scorer that never saw the dialogue of that name."""


def placed(cases: Sequence[Case], scorers: Scorers, names: Mapping[str, str]) -> list[Judged]:
    """Cases judged one by one; `names` gives the dialogue of each case's turn by the case's id."""
    return [
        judge(case, Prediction(case.id, scorers(names[case.id]).attach(model, case.question).parent_id))
        for case, model in played(cases)
    ]


def topics(stream: Sequence[FeedNode]) -> dict[NodeId, str]:
    """The dialogue of every node, by its name."""
    found: dict[NodeId, str] = {}
    for node in stream:
        found[node.id] = named(node.text) if node.parent_id is None else found[node.parent_id]
    return found


def lived_with(cases: Sequence[Case], scorers: Scorers) -> dict[str, dict[str, dict[str, Any]]]:
    """All of it for some of the benchmark's own cases, under the names by which it stands in the report."""
    names = {case.id: concerned(case)[0] for case in cases}
    figures = summary(placed(cases, scorers, names))
    fresh = fresh_cases(cases)
    asked = placed(fresh, scorers, {case.id: names[case.id.partition(": ")[2]] for case in fresh})
    return {
        "context": {
            "single cases": {
                "kept, per cent": round(100 * figures["context_kept"], 1),
                "sent for what is needed": round(figures["sent_vs_gold"], 2),
                "tokens saved, per cent": round(100 * figures["tokens_saved"], 1),
            }
        },
        "replays, per 100 turns": replays(cases, scorers),
        "without history, per 100": {
            kind: {
                "cases": told.cases,
                "right": round(100 * told.right, 1),
                "false joins": round(100 * told.false_joins, 1),
                "apart": round(100 * told.apart, 1),
            }
            for kind, told in fresh_figures(asked).items()
        },
    }


class _HeldOut:
    """Implements `ports.TurnRouter` with the scorer that never saw the dialogue of the turn that comes next."""

    def __init__(self, shelf: run.Shelf, scorers: Scorers, names: Iterator[str]) -> None:
        self._grove, self._scorers, self._names = Grove(shelf), scorers, names

    async def attach(self, question: Question) -> Attachment:
        model = await self._grove.follow(question.user_id, question.tree_id)
        return self._scorers(next(self._names)).attach(model, question)

    async def warm(self, user_id: UserId, tree_id: TreeId) -> None:
        await self._grove.follow(user_id, tree_id)


REPLAYS: Mapping[str, tuple[tuple[str, ...], Mix]] = {
    "16 conversations": (("M16",), "stream"),
    "64 conversations": (("M64",), "stream"),
    "chats": (("M4", "M16", "M64", "M256"), "chats"),
    "chats, some turns without history": (("M4", "M16", "M64", "M256"), "fresh-clients"),
}
"""What is replayed: the streams of cases with one of some tags, and how they are woven."""


def replays(cases: Sequence[Case], scorers: Scorers) -> dict[str, dict[str, Any]]:
    """What a user would have lived with, per 100 turns; see `bench.run.Replay`."""
    told = {}
    for name, (tags, mix) in REPLAYS.items():
        chosen = [case for case in cases if case.kind != "fork" and set(tags) & set(case.tags)]
        streams = {str(id(nodes)): nodes for nodes in map(stream_of, chosen)}
        numbered = {f"{number:03}": nodes for number, nodes in enumerate(streams.values())}
        accounts = [(one, asyncio.run(_replay(one, scorers))) for one in woven(numbered, mix)]
        if accounts:
            told[name] = _told(accounts)
    return told


async def _replay(played: Played, scorers: Scorers) -> run.Replay:
    topic, shelf = topics(played.nodes), run.Shelf()
    names = iter([topic[node.id] for node in played.nodes if node.role == "user"])
    router = _HeldOut(shelf, scorers, names)
    accounts = [account async for account in run.replay(played.nodes, shelf, router, played.name, played.fresh)]
    return accounts[-1]


DRAWS = 1000


def _interval(streams: Sequence[tuple[int, int]]) -> list[float]:
    """95 % of what a count per 100 turns comes to when whole streams are drawn anew; each stream is its count and its turns."""
    drawn = np.random.default_rng(7).multinomial(len(streams), np.full(len(streams), 1 / len(streams)), DRAWS)
    counts, turns = np.array(streams, np.float64).T
    rates = 100 * (drawn @ counts) / (drawn @ turns)
    return [round(float(end), 1) for end in np.quantile(rates, (0.025, 0.975))]


def _told(accounts: Sequence[tuple[Played, run.Replay]]) -> dict[str, Any]:
    total = accounts[0][1]
    for _, account in accounts[1:]:
        total += account
    follow_ups = sum(shares(one.nodes)["follow-up"] * account.turns for one, account in accounts)
    return {
        "turns": total.turns,
        "follow-ups": round(total.per_100(1) * follow_ups),
        "wrong joins": round(total.per_100(total.wrong_joins), 1),
        "wrong joins, 95 %": _interval([(account.wrong_joins, account.turns) for _, account in accounts]),
        "torn": round(total.per_100(total.torn), 1),
        "torn, 95 %": _interval([(account.torn, account.turns) for _, account in accounts]),
        "needless roots": round(total.per_100(total.needless_roots), 1),
        "whole": total.whole,
        "conversations": total.conversations,
    }
