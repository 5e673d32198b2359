"""Whether a client was found and heard: what every test of a client's habit checks after each request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from proxy.chat.history.cursor import locate
from proxy.chat.request import read
from proxy.domain.fingerprint import fold_text
from proxy.domain.message import Message
from proxy.domain.placement import Policy
from proxy.domain.tree import Node
from proxy.domain.turn import Turn
from tests.chat.road import ANN, Json, Road, Told

POLICIES: tuple[Policy, Policy] = ("auto", "follow")


def folded(wire: Json) -> tuple[str, str]:
    """A message as a reader sees it."""
    return str(wire["role"]), fold_text(Message(wire).spoken)


class Listening:
    """One user's way through a road, under one policy; each request is checked as it is made."""

    def __init__(self, road: Road, policy: Policy = "auto", **turn: Any) -> None:
        self.road = road
        self.policy = policy
        self.turn = {"caller": ANN, **turn}

    async def ask(self, *sent: Json, **turn: Any) -> Told:
        """A request and its answer; nothing that was sent may be lost, nothing that was stored may be stored again."""
        turn = {"policy": self.policy, **self.turn, **turn}
        user_id = turn["caller"].user_id
        before = await self.road.nodes(user_id)
        known = await self.recognised(sent, turn)
        asked = len(self.road.upstream.asked)
        told = await self.road.ask(*sent, **turn)
        if len(self.road.upstream.asked) > asked:
            self.everything_arrived([one for i, one in enumerate(sent) if i not in known], sent, before)
        self.nothing_is_there_twice(await self.road.nodes(user_id))
        return told

    async def recognised(self, sent: Sequence[Json], turn: dict[str, Any]) -> set[int]:
        """Which of these messages are stored nodes, be it in other words."""
        user = await self.road.store.user(turn["caller"].user_id)
        transcript = read(Turn("m", [Message(one) for one in sent]), user)
        hint = turn.get("hint")
        sighting = await self.road.store.recognise(user.id, transcript.links, tree_id=None, conversation=hint)
        known = locate(transcript.said, transcript.links, sighting).nodes
        spoken = [i for i, one in enumerate(sent) if one["role"] != "system"]
        return {spoken[i] for i in known}

    def everything_arrived(self, strange: Sequence[Json], sent: Sequence[Json], before: Sequence[Node]) -> None:
        """Under `follow` the model gets the client's list as it is; else whatever it does not get is a stored node."""
        if self.policy == "follow":
            assert self.road.upstream.sent == list(sent)
            return
        stored = {folded(dict(node.message.wire)) for node in before}
        got = Counter(folded(wire) for wire in self.road.upstream.sent)
        withheld = [one for one in strange if got[folded(one)] == 0 and folded(one) not in stored]
        assert withheld == []

    def nothing_is_there_twice(self, nodes: Sequence[Node]) -> None:
        """A user's words stand once under one parent; replies may be alike."""
        places = Counter((node.parent_id, str(node.message.wire)) for node in nodes if node.message.role != "assistant")
        assert [place for place, count in places.items() if count > 1] == []
