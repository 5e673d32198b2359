"""Labelled turns in crowded trees: the benchmark's streams among so many conversations of other dialogues.

The crowd was said before the stream, and is made of whole dialogues, of the benchmark's other streams and of our own; where these are not
enough, of their exchanges, each as a conversation of its own. No dialogue of a stream is in its crowd.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, Prefix
from proxy.routing.learn.dialogues import Dialogue, named, stream_of

Dialogues = Mapping[str, Sequence[Dialogue]]


def crowded(cases: Sequence[Case], dialogues: Dialogues, conversations: int, most: int) -> list[Case]:
    """At most so many of the cases, from streams drawn by lot, each in a tree of that many conversations."""
    streams: defaultdict[int, list[Case]] = defaultdict(list)
    for case in cases:
        streams[id(stream_of(case))].append(case)
    groups = sorted(streams.values(), key=lambda group: group[0].id)
    random.Random(conversations).shuffle(groups)
    found: list[Case] = []
    for group in groups:
        if len(found) >= most:
            break
        found += _crowd_around(group, dialogues, conversations)
    return found


def _crowd_around(group: Sequence[Case], dialogues: Dialogues, conversations: int) -> Iterator[Case]:
    stream = list(stream_of(group[0]))
    own = {named(node.text) for node in stream if node.parent_id is None}
    room = max(0, conversations - len(own))
    crowd = [
        node
        for number, dialogue in enumerate(_drawn(dialogues, own, room, group[0].id))
        for node in _said(number, dialogue)
    ]
    nodes = [*crowd, *stream]
    for case in group:
        yield replace(case, history=Prefix(nodes, len(crowd) + len(case.history)))


def _drawn(dialogues: Dialogues, own: Collection[str], count: int, seed: str) -> list[Dialogue]:
    """So many conversations that are not the stream's own."""
    others = [paths[0] for name, paths in dialogues.items() if name not in own]
    random.Random(seed).shuffle(others)
    if len(others) < count:
        others = [path[at : at + 2] for path in others for at in range(0, len(path), 2)]
        random.Random(seed).shuffle(others)
    return others[:count]


def _said(number: int, dialogue: Dialogue) -> Iterator[FeedNode]:
    for at, text in enumerate(dialogue):
        above = NodeId(f"x{number}-{at - 1}") if at else None
        yield FeedNode(NodeId(f"x{number}-{at}"), above, "assistant" if at % 2 else "user", text, 0.0)
