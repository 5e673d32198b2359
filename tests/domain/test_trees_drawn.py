"""Trees drawn with lines."""

from dataclasses import dataclass
from typing import Literal

from proxy.domain.drawing import drawn, shorten
from proxy.domain.tree import NodeId


@dataclass(frozen=True)
class Dot:
    id: NodeId
    parent_id: NodeId | None
    role: Literal["user", "assistant"] = "user"
    state: Literal["whole"] = "whole"
    created_at: float = 0.0
    preview: str | None = None


def picture(*edges: str, replies: bool = False) -> list[str]:
    """Edges such as `a>b`; a name in capitals is a reply's."""
    dots = []
    for edge in edges:
        above, _, name = edge.rpartition(">")
        dots.append(Dot(NodeId(name), NodeId(above) if above else None, "assistant" if name.isupper() else "user"))
    return [guides + node.id for guides, node in drawn(dots, replies=replies)]


def test_a_turn_that_goes_straight_on_stands_at_the_depth_of_the_one_before():
    assert picture("a", "a>A", "A>b", "b>B", "B>c") == ["└── a", "    ├── b", "    └── c"]


def test_a_branch_goes_in_deeper_where_it_parts():
    drawing = picture("a", "a>A", "A>b", "b>B", "A>c", "B>d", "B>e", "f")
    assert drawing == ["├── a", "│   ├── b", "│   │   ├── d", "│   │   └── e", "│   └── c", "└── f"]


def test_replies_are_drawn_when_they_are_wanted():
    assert picture("a", "a>A", "A>b", replies=True) == ["└── a", "    ├── A", "    └── b"]


def test_ten_thousand_levels_are_drawn():
    edges = ["n0", *(f"n{i}>n{i + 1}" for i in range(10_000))]
    assert len(picture(*edges)) == 10_001


def test_a_long_text_is_cut_at_the_limit():
    assert shorten("word " * 40, 10) == "word word…"
