"""Values are compared, hashed and changed into others as frozen dataclasses are, and made without what those do for each field."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import pytest

from proxy.domain.tree import NodeId
from proxy.domain.values import value


@value(frozen=True, slots=True)
class Place:
    node: NodeId
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Frozen:
    node: NodeId
    depth: int = 0


def test_values_are_compared_hashed_and_changed_as_frozen_dataclasses_are() -> None:
    here, there = Place(NodeId("a")), Place(NodeId("a"), 2)
    assert replace(there, depth=0) == here != there
    assert len({here, there, Place(NodeId("a"), 2)}) == 2
    assert hash(here) == hash(Frozen(NodeId("a")))
    assert repr(there) == repr(Frozen(NodeId("a"), 2)).replace("Frozen", "Place")
    assert [field.name for field in fields(Place)] == ["node", "depth"]
    with pytest.raises(AttributeError):
        here.height = 3  # type: ignore[attr-defined]


def test_a_value_is_made_without_a_call_for_each_field() -> None:
    assert "object" not in Place.__init__.__code__.co_names
    assert "__setattr__" not in vars(Place)
    assert "__setattr__" in vars(Frozen)
