"""Random things beside random trees: artefacts, memories, images, summaries and personalities, in the order in which a store tells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from proxy.domain.beside import (
    TEXT,
    Beside,
    Body,
    CarriedArtefact,
    CarriedImage,
    CarriedMemory,
    CarriedVersion,
    Placed,
    SwitchedOff,
    name_of,
)
from proxy.domain.memory import Told
from proxy.domain.picture import pictures_in
from proxy.domain.summary import Summary
from proxy.domain.tree import Node, TreeId, UserId
from proxy.domain.zone import Personality

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
GIF = b"GIF89a"

texts = st.text(max_size=20)
some_texts = st.text(min_size=1, max_size=20)
seconds = st.floats(0, 4e9)
bodies = st.tuples(st.just(TEXT), (texts | st.just("GIF89a")).map(str.encode))
pictures = st.one_of(
    st.tuples(st.just("image/png"), st.binary(max_size=8).map(PNG.__add__)),
    st.tuples(st.just("image/gif"), st.binary(max_size=2).map(GIF.__add__)),
)


def body(media_type: str, data: bytes) -> Body:
    return Body(name_of(media_type, data), media_type, data)


def text_body(text: str) -> Body:
    return body(TEXT, text.encode())


def personality(name: str, **told: Any) -> Personality:
    fields = {"system_prompt": None, "zone": "", "metadata": {}, "created_at": 1.0, "updated_at": 2.0, **told}
    return Personality(UserId("ada"), name, **fields)


def personalities(names: Sequence[str]) -> st.SearchStrategy[list[Personality]]:
    """One for each of these names."""
    return st.tuples(
        *(
            st.builds(
                personality,
                st.just(name),
                system_prompt=st.none() | texts,
                zone=texts,
                metadata=st.dictionaries(texts, texts, max_size=2),
                created_at=seconds,
                updated_at=seconds,
            )
            for name in sorted(names)
        )
    ).map(list)


@st.composite
def things(draw: st.DrawFn, nodes: Sequence[Node], tree_id: TreeId) -> list[Beside]:
    """What may be kept beside these nodes."""
    rank = {None: -1} | {one.id: index for index, one in enumerate(sorted(nodes, key=_waits))}
    ids = [one.id for one in nodes]
    somewhere = st.sampled_from([None, *ids])
    used: dict[str, Body] = {}

    def refer(drawn: tuple[str, bytes]) -> str:
        made = body(*drawn)
        return used.setdefault(made.hash, made).hash

    def placed(versions: Sequence[int] = ()) -> list[Placed]:
        places = draw(st.lists(somewhere, unique=True, max_size=3))
        pinned = st.none() | st.sampled_from(versions) if versions else st.none()
        made = [Placed(place, draw(seconds), draw(pinned)) for place in places]
        return sorted(made, key=lambda one: (one.at, rank[one.node_id]))

    artefacts: list[CarriedArtefact] = []
    for index, title in enumerate(sorted(draw(st.lists(some_texts, unique=True, max_size=3)))):
        numbers = sorted(draw(st.sets(st.integers(1, 6), min_size=1, max_size=3)))
        versions = [
            CarriedVersion(
                number,
                refer(draw(bodies)),
                draw(seconds),
                draw(st.none() | texts),
                draw(st.integers(1, number - 1)) if number > 1 and draw(st.booleans()) else None,
            )
            for number in numbers
        ]
        last, told = numbers[-1] + draw(st.integers(0, 2)), (draw(seconds), draw(seconds))
        tags = draw(st.lists(texts, unique=True, max_size=2))
        artefacts.append(
            CarriedArtefact(f"a_{index}", title, draw(texts), tags, last, *told, versions, placed(numbers))
        )
    memories = [
        CarriedMemory(
            f"m_{index}",
            Told(draw(some_texts), draw(texts), draw(texts), draw(st.lists(texts, max_size=2)), draw(texts)),
            draw(st.sampled_from(["model", "extractive", "hand"])),
            draw(seconds),
            draw(seconds),
            draw(st.integers(0, 9)),
            draw(st.none() | texts),
            draw(st.none() | texts),
            bool(origin) and draw(st.booleans()),
            origin,
            placed(),
        )
        for index in range(draw(st.integers(0, 3)))
        for origin in [draw(st.lists(st.sampled_from(ids), max_size=3)) if ids else []]
    ]
    images: list[CarriedImage] = []
    for index, place in enumerate(sorted(draw(st.lists(somewhere, max_size=4)), key=rank.__getitem__)):
        told = (f"i_{index}", place, draw(st.booleans()), draw(seconds))
        if draw(st.booleans()):
            images.append(CarriedImage(*told, body=refer(draw(pictures))))
        else:
            images.append(CarriedImage(*told, url="https://pictures.example/" + draw(st.sampled_from(["a", "b?c=d"]))))
    off: list[SwitchedOff] = []
    for one in sorted(nodes, key=_waits):
        if (count := len(pictures_in(one.message))) and draw(st.booleans()):
            off.append(SwitchedOff(one.id, sorted(draw(st.sets(st.integers(0, count - 1), min_size=1)))))
    return [
        *used.values(),
        *artefacts,
        *memories,
        *images,
        *off,
        *(draw(_summaries(ids, rank, tree_id)) if ids else []),
    ]


@st.composite
def _summaries(draw: st.DrawFn, ids: Sequence[Any], rank: dict[Any, int], tree_id: TreeId) -> list[Summary]:
    made: list[Summary] = []
    for index, at in enumerate(sorted(draw(st.lists(seconds, unique=True, max_size=3)))):
        previous = draw(st.sampled_from([None, *(one.id for one in made)]))
        kind, removed = draw(st.sampled_from(["asked", "auto"])), draw(st.none() | seconds)
        told = (draw(texts), draw(st.integers(0, 900)), draw(texts))
        made.append(Summary(f"s_{index}", tree_id, draw(st.sampled_from(ids)), previous, kind, *told, at, removed))
    return made


def _waits(one: Node) -> bool:
    """Nodes that wait for an answer stand last in a file."""
    return one.state == "unanswered"
