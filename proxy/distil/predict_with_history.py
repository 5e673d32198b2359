"""`PredictWithHistory`: a DSPy predictor that lives at a node of a tree.

Every call reads the path to the node, predicts with it as history, and appends what was asked and what was answered; then the
program stands at the answer. A program made `at` an earlier node goes on from there: its calls become a branch. Nothing is appended
when a prediction fails.

Imports DSPy when it is imported (seconds, no network): import it where it is used.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeVar

import dspy
from pydantic_core import to_jsonable_python

from proxy.distil.path import FIELDS, Path, PathStore
from proxy.domain.message import Role, said
from proxy.domain.tree import Node, NodeId, TreeId, UserId, new_id

T = TypeVar("T")

HISTORY: Final = "history"
"""The input field that a signature gets where it has none for a history."""


@dataclass(frozen=True, slots=True)
class Place:
    """The tree in which a program lives. DSPy copies programs; their place stays the same."""

    store: PathStore
    user_id: UserId
    tree_id: TreeId

    def __deepcopy__(self, memo: object) -> Self:
        return self


class PredictWithHistory(dspy.Module):  # type: ignore[misc]  # DSPy carries no types
    """A predictor bound to a node. Call it, or await `acall`, with the signature's other inputs by name."""

    def __init__(
        self, signature: Any, store: PathStore, user_id: UserId, tree_id: TreeId, node_id: NodeId | None = None
    ) -> None:
        """Bind a signature to a place.

        Args:
            signature: As for `dspy.Predict`. Its first input is what the user says, its last output what is answered; the texts
                of both become nodes.
            node_id: Where it begins; `None` is the root.
        """
        super().__init__()
        self.signature, self.history_field = _with_history(dspy.ensure_signature(signature))
        self.predict = dspy.Predict(self.signature)
        self.place = Place(store, user_id, tree_id)
        self.node_id = node_id
        """The last answer, once something was asked."""

    @property
    def asked(self) -> str:
        """The field that holds what the user says."""
        return next(str(name) for name in self.signature.input_fields if name != self.history_field)

    @property
    def answered(self) -> str:
        """The field that holds what is answered."""
        return str(list(self.signature.output_fields)[-1])

    def at(self, node_id: NodeId | None) -> Self:
        """The same program at another node of the tree."""
        other = type(self)(self.signature, self.place.store, self.place.user_id, self.place.tree_id, node_id)
        other.predict = self.predict
        return other

    async def told(self) -> dspy.History:
        """What the next call will see. Raises NotFound when the node was deleted."""
        path = await Path.load(self.place.store, self.place.user_id, self.node_id)
        return path.history(self.asked, self.answered)

    async def aforward(self, **inputs: Any) -> dspy.Prediction:
        """Predict with the path, and append to it. Raises NotFound, and whatever the model raises."""
        node_id = self.node_id
        prediction = await self.predict.acall(**inputs, **{self.history_field: await self.told()})
        await self._append(node_id, inputs, prediction)
        return prediction

    def forward(self, **inputs: Any) -> dspy.Prediction:
        """The same where no event loop runs, as in a script or a thread. Raises RuntimeError where one does."""
        node_id = self.node_id
        prediction = self.predict(**inputs, **{self.history_field: _wait(self.told())})
        _wait(self._append(node_id, inputs, prediction))
        return prediction

    async def _append(self, node_id: NodeId | None, inputs: Mapping[str, Any], prediction: dspy.Prediction) -> None:
        outputs = {name: prediction[name] for name in self.signature.output_fields}
        question = self._node("user", node_id, dict(inputs), self.asked)
        answer = self._node("assistant", question.id, outputs, self.answered)
        await self.place.store.append(self.place.user_id, self.place.tree_id, [question, answer])
        self.node_id = answer.id

    def _node(self, role: Role, parent_id: NodeId | None, values: dict[str, Any], speaking: str) -> Node:
        """A node that says one field's value, and keeps the others beside it."""
        spoken = values.get(speaking)
        fields = to_jsonable_python(values, fallback=str)
        text = spoken if isinstance(spoken, str) else json.dumps(fields.get(speaking), ensure_ascii=False)
        return Node(
            id=NodeId(new_id("n")),
            tree_id=self.place.tree_id,
            parent_id=parent_id,
            message=said(role, text),
            state="whole",
            created_at=time.time(),
            metadata={} if fields == {speaking: text} else {FIELDS: fields},
        )


def _with_history(signature: Any) -> tuple[Any, str]:
    """A signature that takes a history, and the name of the field."""
    for name, field in signature.input_fields.items():
        if field.annotation is dspy.History:
            return signature, name
    return signature.append(HISTORY, dspy.InputField(desc="What was said before."), type_=dspy.History), HISTORY


def _wait(work: Coroutine[Any, Any, T]) -> T:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work)
    work.close()
    raise RuntimeError("An event loop is running here: await `acall` instead of calling the program.")
