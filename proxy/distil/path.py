"""A path as DSPy's programs take it: as a `dspy.History`.

A history is a list of turns; each holds values under the field names of a signature. What a person wrote is the first input field,
what was answered is the last output field. Values of other fields are kept with the nodes by `PredictWithHistory`, under
`metadata["fields"]`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, Self

from proxy.domain.tree import Node, NodeId, TreeId, UserId, turns

if TYPE_CHECKING:
    import dspy  # seconds; whoever calls `history` has it already, or waits for it once

QUESTION: Final = "question"
ANSWER: Final = "answer"
FIELDS: Final = "fields"
"""Where a node's metadata keeps values that its text does not say."""


class PathStore(Protocol):
    """What a program needs of a store."""

    async def path(self, user_id: UserId, node_id: NodeId | None) -> list[Node]:
        """Root to node, oldest first; `None` is the empty path. Raises NotFound."""
        ...

    async def append(self, user_id: UserId, tree_id: TreeId, nodes: Sequence[Node]) -> None:
        """Add nodes, parents first. Raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Path:
    """Root to one node, oldest first."""

    nodes: Sequence[Node]

    @classmethod
    async def load(cls, store: PathStore, user_id: UserId, node_id: NodeId | None) -> Self:
        """The path to a node; `None` is the empty one. Raises NotFound."""
        return cls(await store.path(user_id, node_id))

    def history(self, asked: str = QUESTION, answered: str = ANSWER) -> dspy.History:
        """The answered turns of the path.

        System text, tool calls and tool results, thinking blocks and a question that waits for its answer are left out.

        Args:
            asked: The signature's field that holds what the user says.
            answered: The one that holds what is answered.
        """
        import dspy  # noqa: PLC0415

        told = [_told(turn, asked, answered) for turn in turns(self.nodes)]
        return dspy.History(messages=[message for message in told if message])


def _told(turn: Sequence[Node], asked: str, answered: str) -> dict[str, Any]:
    """One turn's values by field; empty when nothing was answered."""
    question = _text(turn, "user")
    answer = _text(turn, "assistant")
    if not answer:
        return {}
    message: dict[str, Any] = ({asked: question} if question else {}) | {answered: answer}
    for node in turn:
        fields = node.metadata.get(FIELDS)
        if isinstance(fields, dict):
            message |= fields
    return message


def _text(turn: Sequence[Node], role: str) -> str:
    texts = [node.message.spoken for node in turn if node.message.role == role and node.state != "unanswered"]
    return "\n\n".join(text for text in texts if text.strip())
