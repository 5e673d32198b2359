"""Where turns are placed in trees of invented text, with which chances: as it is written down in `places.json`.

It is for changes that must not change a placement. Whoever means to change one writes it anew: `python tests/routing/test_places_stay_the_same.py`.
The weights here are invented too, so that fitting the shipped ones again changes nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxy.domain.placement import Attachment, FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.evidence import COLUMNS, COMPARED, EARLIER
from proxy.routing.features import PLACE
from proxy.routing.grove import TreeModel
from proxy.routing.reading.cues import CUES
from tests.bench.invented import Vectors, exchanges, subject

WRITTEN = Path(__file__).with_name("places.json")
SIZES = (1, 2, 3, 5, 9, 20, 45, 90, 200, 600)
"""Exchanges of the trees; the largest is searched."""
ASKED = 14
SAID = (
    "",
    "Shorter, please. ",
    "And what about ",
    "Back to the first: ",
    "Und was ist mit ",
    "¿Y qué pasa con ",
    "Yes, Paris 42. ",
)
SYSTEMS = (None, "You are a coach for runners.", "You teach mathematics to children.")
VECTORS = Vectors()


def weights() -> Weights:
    """As large and as manifold as fitted ones."""
    chance = np.random.default_rng(11)

    def scaled(width: int, *shape: int) -> dict[str, Any]:
        mean, scale = chance.normal(scale=0.3, size=width), chance.uniform(0.5, 2, width)
        return {"mean": mean, "scale": scale, "weights": chance.normal(scale=0.15, size=(*shape, width))}

    columns = len(COLUMNS)
    trees, inner = 60, 7  # complete ones of three levels
    nodes = np.arange(trees * inner).reshape(trees, inner)
    leaves = -1 - np.arange(trees * 8).reshape(trees, 8)
    flat: dict[str, Any] = {
        "embedder": "minilm",
        "columns": list(COLUMNS),
        "opens": scaled(VECTORS.size + len(CUES), 1) | {"bias": [0.1]},
        "others": scaled(len(PLACE) + len(COMPARED)),
        "earlier": scaled(len(EARLIER)),
        "linear": scaled(columns, 3) | {"bias": [-2.0, 2.5, 0.0]},
        "forks": scaled(columns, 1) | {"bias": [-1.0]},
        "forest": {
            "classes": 3,
            "roots": nodes[:, 0].tolist(),
            "features": chance.integers(0, columns, trees * inner).tolist(),
            "limits": chance.normal(scale=0.5, size=trees * inner).tolist(),
            "left": np.concatenate([nodes[:, [1, 3, 5]], leaves[:, ::2]], axis=1).ravel().tolist(),
            "right": np.concatenate([nodes[:, [2, 4, 6]], leaves[:, 1::2]], axis=1).ravel().tolist(),
            "leaves": chance.normal(scale=0.2, size=trees * 8).tolist(),
        },
        "share": 0.6,
        "trust": [-1.0, -0.8, -1.2, -0.9, 0.4, 0.3, 0.4, 0.2, 0.6, 0.5, 0.3],
        "report": {},
    }
    flat["others"]["weights"] = 8 * flat["others"]["weights"]  # so that one branch stands out
    return Weights.read(flat)


def grown(size: int) -> list[FeedNode]:
    """Conversations with forks, second answers, late ones, system texts and personalities."""
    chance = random.Random(f"grown {size}")
    nodes: list[FeedNode] = []
    for asked, replied in islice(exchanges(f"places {size}", chain=size % 2 == 0 and size > 40), size):
        opens = asked.parent_id is None
        system = chance.choice(SYSTEMS) if opens and size > 10 else None
        personality = chance.choice((None, None, "ada")) if opens and size > 50 else None
        text = chance.choice(SAID) + asked.text
        nodes.append(FeedNode(asked.id, asked.parent_id, "user", text, 0.0, system, personality))
        said = replied.text + ("?" if chance.random() < 0.3 else "")
        nodes.append(FeedNode(replied.id, asked.id, "assistant", said, 0.0))
        if chance.random() < 0.1:
            nodes.append(FeedNode(NodeId(f"{replied.id}+"), asked.id, "assistant", f"Or else {text}", 0.0))
    for number, node in enumerate(chance.sample(nodes, len(nodes) // 20)):
        nodes.append(FeedNode(NodeId(f"late {number}"), node.id, "assistant", f"More of {node.text[:60]}", 0.0))
    return nodes


def placements(size: int) -> Iterator[tuple[Attachment, list[FeedNode]]]:
    """What becomes of turns in one tree."""
    scorer, model, nodes = EmbeddedScorer(VECTORS, weights()), TreeModel(), grown(size)
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=True, system_prompt=SYSTEMS[size % 3]))
    while scorer.warm(model):
        pass
    chance = random.Random(f"asked {size}")
    for number in range(ASKED):
        taken_up = chance.choice(nodes).text.split()
        text = " ".join(taken_up[2:14]) if number % 3 else subject(chance).text(chance, 12, "?")
        cursor = None if number == 5 else nodes[-1].id if number % 2 else chance.choice(nodes).id
        question = Question(
            UserId("u"),
            TreeId("t"),
            chance.choice(SAID) + text,
            cursor,
            system=chance.choice(SYSTEMS) if number % 4 == 0 else None,
            fresh="auto" if number == 7 else "confident" if number == 8 else None,
            active_age_s=9_000.0,
            personality="ada" if number == 9 else None,
        )
        yield scorer.attach(model, question), nodes


def told(size: int) -> list[list[Any]]:
    """Each placement as its place, route and confidence, and the chances of the other places; places are numbers of nodes."""
    found = []
    for placed, nodes in placements(size):
        numbers = {node.id: number for number, node in enumerate(nodes)}
        chances = [[numbers.get(one.parent_id), round(float(one.score), 5)] for one in placed.candidates]
        found.append([numbers.get(placed.parent_id), placed.route, round(float(placed.confidence), 5), chances])
    return found


@pytest.mark.parametrize("size", SIZES)
def test_a_turn_is_placed_where_it_was_placed_before_with_the_same_chances(size: int):
    before = json.loads(WRITTEN.read_text())[str(size)]
    for (place, route, confidence, chances), expected in zip(told(size), before, strict=True):
        assert [place, route] == expected[:2]
        assert confidence == pytest.approx(expected[2], abs=1e-4)
        assert [at for at, _ in chances] == [at for at, _ in expected[3]]
        assert [score for _, score in chances] == pytest.approx([score for _, score in expected[3]], abs=1e-4)


def test_what_is_written_down_is_worth_comparing():
    every = [one for of_size in json.loads(WRITTEN.read_text()).values() for one in of_size]
    routes = [route for _, route, *_ in every]
    assert {routes.count(route) > 8 for route in ("continue", "return", "root", "fork")} == {True}


if __name__ == "__main__":
    WRITTEN.write_text("{\n" + ",\n".join(f'"{size}": {json.dumps(told(size))}' for size in SIZES) + "\n}\n")
