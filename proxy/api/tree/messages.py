"""Messages and nodes on the wire of the tree API."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from proxy.api.tree.images import ImageIn
from proxy.api.tree.wire import (
    NODE_ID,
    TREE_ID,
    ZONE_MAX,
    Body,
    Label,
    Labels,
    Listed,
    Metadata,
    Out,
    Parent,
    Sources,
    parent_of,
)
from proxy.domain.message import Message, Role, Wire
from proxy.domain.picture import pictures_in
from proxy.domain.tree import Node, NodeId, State, Tree, new_id
from proxy.errors import InvalidRequest
from proxy.store.browse.labelling import LABELS, OURS, SCRATCHPAD, SOURCES
from proxy.store.records import Outline

IMAGES_MAX = 50
BRANCH_MAX = 1_000
"""Messages that one request may add."""
_SOURCES = "What a reply was drawn from, such as pages or passages: objects of any shape."
_NOTES = "What an agent noted on the way to a reply; no model is sent it."
_AT_TOP = ("role", "content")


class MessageIn(Body):
    """A message in OpenAI's chat shape, and what Graft keeps beside it."""

    role: Role = Field(examples=["user"])
    content: Any = Field(
        default=None,
        validate_default=True,
        description="Text, a list of OpenAI content parts, or null.",
        examples=["How deep is the lock?"],
    )
    name: str | None = Field(default=None, max_length=200, description="OpenAI's `name`, sent with the message.")
    tool_calls: list[dict[str, Any]] | None = Field(
        default=None, validate_default=True, description="OpenAI's tool calls of an assistant."
    )
    tool_call_id: str | None = Field(default=None, validate_default=True, max_length=200)
    sender: str | None = Field(default=None, max_length=200, description="Who spoke.", examples=["Ada"])
    labels: Labels = Field(default=[], examples=[["keep"]])
    sources: Sources = Field(default=[], description=_SOURCES, examples=[[{"title": "Locks of the canal"}]])
    scratchpad: str | None = Field(default=None, max_length=ZONE_MAX, description=_NOTES, examples=[None])
    metadata: Metadata = Field(default={}, examples=[{"source": "notes"}])
    images: list[ImageIn] = Field(
        default=[],
        max_length=IMAGES_MAX,
        description="Pictures behind the content, in a user's message.",
        examples=[[]],
    )

    @field_validator("content")
    @classmethod
    def _checked_content(cls, content: Any, known: ValidationInfo) -> Any:
        if content is None and (known.data.get("role") or "assistant") != "assistant":
            raise ValueError(f"a message with role {known.data['role']!r} needs content")
        if content is not None and not isinstance(content, str | list):
            raise ValueError("content is a text, a list of parts, or null")
        for number, part in enumerate(content if isinstance(content, list) else ()):
            if not isinstance(part, dict) or not isinstance(part.get("type"), str):
                raise ValueError(f"part {number} must be an object with a `type`")  # noqa: TRY004
            if part["type"] == "text" and not isinstance(part.get("text"), str):
                raise ValueError(f"part {number} is a text part and needs `text`")
        return content

    @field_validator("tool_calls")
    @classmethod
    def _checked_calls(cls, calls: list[dict[str, Any]] | None, known: ValidationInfo) -> list[dict[str, Any]] | None:
        role = known.data.get("role")
        if calls and role not in ("assistant", None):
            raise ValueError("only an assistant message has tool calls")
        if role == "assistant" and not calls and known.data.get("content", "") is None:
            raise ValueError("an assistant message needs content or tool calls")
        return calls

    @field_validator("tool_call_id")
    @classmethod
    def _checked_call_id(cls, call_id: str | None, known: ValidationInfo) -> str | None:
        role = known.data.get("role")
        if role is not None and (role == "tool") != bool(call_id):
            raise ValueError("a tool message, and no other, names the call that it answers")
        return call_id

    @property
    def wire(self) -> Wire:
        """The message as OpenAI writes it. Raises InvalidRequest for pictures that are none, RequestTooLarge."""
        more = {"name": self.name, "tool_calls": self.tool_calls, "tool_call_id": self.tool_call_id}
        content = _with_pictures(self.role, self.content, self.images)
        return {"role": self.role, "content": content, **{key: value for key, value in more.items() if value}}

    def switched_off(self, message: Message) -> list[int]:
        """Which pictures of the message as it is stored came inactive, by number."""
        first = len(pictures_in(message)) - len(self.images)
        return [number for number, image in enumerate(self.images, first) if not image.active]


class SaidIn(MessageIn):
    """A message whose sender may stand for its role."""

    role: Role | None = Field(  # type: ignore[assignment]  # settled before anything reads it
        default=None, description="What the tree's participants say of the sender, without it.", examples=["user"]
    )

    def settled(self, participants: Mapping[str, Role], place: str = "") -> MessageIn:
        """The message with its role. Raises InvalidRequest for a sender that the tree does not know."""
        role = self.role or participants.get(self.sender or "")
        if role is None:
            who = (
                f"the sender {self.sender!r} is none of the tree's participants"
                if self.sender
                else "no sender is named"
            )
            raise InvalidRequest(f"A role is needed: {who}.", param=f"{place}role")
        told = {name: getattr(self, name) for name in self.model_fields_set if name in MessageIn.model_fields}
        try:
            return MessageIn(**{**told, "role": role})
        except ValidationError as exc:
            error = exc.errors()[0]
            raise InvalidRequest(error["msg"], param=place + ".".join(map(str, error["loc"]))) from exc


class NodeIn(SaidIn):
    """A message, and where it hangs."""

    parent_id: Parent


class BranchIn(Body):
    """A chain of messages that begins under a node."""

    parent_id: Parent
    messages: list[SaidIn] = Field(min_length=1, max_length=BRANCH_MAX)


class NodePatch(Body):
    """What can change beside a message; the message itself never does."""

    labels: Labels | None = Field(default=None, description="All labels of the node, in place of those before.")
    sources: Sources | None = Field(default=None, description=f"{_SOURCES} In place of those before.")
    scratchpad: str | None = Field(default=None, max_length=ZONE_MAX, description=f"{_NOTES} Empty takes it away.")
    metadata: Metadata = Field(default={}, description="Items to set; null takes one away.", examples=[{"stars": 5}])

    @property
    def ours(self) -> dict[str, Any]:
        """What is told of Graft's own items."""
        told = {LABELS: self.labels, SOURCES: self.sources, SCRATCHPAD: self.scratchpad}
        return {name: value for name, value in told.items() if value is not None}


class NodeOut(Out):
    """One stored message and its place in the tree."""

    object: Literal["node"] = "node"
    id: str = Field(examples=[NODE_ID])
    tree_id: str = Field(examples=[TREE_ID])
    parent_id: str | None = Field(description="What it answers; null hangs from the root.", examples=[None])
    role: Role = Field(examples=["user"])
    content: Any = Field(description="As it came: a text, OpenAI content parts, or null.", examples=["How deep is it?"])
    extra: dict[str, Any] = Field(description="All other fields of the message, as they came.", examples=[{}])
    sender: str | None = Field(examples=["Ada"])
    state: State = Field(examples=["whole"])
    labels: list[Label] = Field(examples=[["keep"]])
    sources: list[dict[str, Any]] = Field(
        description="What it was drawn from, as was told; then what the model cited.", examples=[[]]
    )
    scratchpad: str | None = Field(description=_NOTES, examples=[None])
    metadata: dict[str, Any] = Field(
        description="`graft.superseded_by` names the reply that took this one's place.", examples=[{"source": "notes"}]
    )
    system: str | None = Field(description="The system text under which a user's message was said.", examples=[None])
    conversation: str | None = Field(description="The client's own chat.", examples=[None])
    personality: str | None = Field(description="The one that its request named.", examples=[None])
    call_id: str | None = Field(description="The call that produced a reply.", examples=[None])
    tokens: int | None = Field(description="Null until they were counted.", examples=[None])
    created_at: float = Field(description="Seconds since 1970, UTC.", examples=[1763776800.5])

    @classmethod
    def of(cls, node: Node) -> NodeOut:
        wire = node.message.wire
        ours = node.metadata.get(OURS)
        ours = ours if isinstance(ours, dict) else {}
        return cls.model_construct(
            object="node",
            id=node.id,
            tree_id=node.tree_id,
            parent_id=node.parent_id,
            role=node.message.role,
            content=wire.get("content"),
            extra={key: value for key, value in wire.items() if key not in _AT_TOP},
            sender=node.sender,
            state=node.state,
            labels=ours.get(LABELS, []),
            sources=[*ours.get(SOURCES, []), *cited(wire)],
            scratchpad=ours.get(SCRATCHPAD),
            metadata=dict(node.metadata),
            system=node.system,
            conversation=node.conversation,
            personality=node.personality,
            call_id=node.call_id,
            tokens=node.tokens,
            created_at=node.created_at,
        )


class NodeList(Listed):
    data: list[NodeOut]

    @classmethod
    def of(cls, nodes: Sequence[Node], *, has_more: bool) -> NodeList:
        return cls.model_construct(
            object="list",
            has_more=has_more,
            last_id=nodes[-1].id if nodes else None,
            data=[NodeOut.of(node) for node in nodes],
        )


class OutlineOut(Out):
    """A node without its contents."""

    id: str = Field(examples=[NODE_ID])
    parent_id: str | None = Field(examples=[None])
    role: Role = Field(examples=["user"])
    state: State = Field(examples=["whole"])
    created_at: float = Field(examples=[1763776800.5])


class OutlineList(Listed):
    data: list[OutlineOut]

    @classmethod
    def of(cls, outlines: Sequence[Outline], *, has_more: bool) -> OutlineList:
        data = [
            OutlineOut.model_construct(
                id=one.id, parent_id=one.parent_id, role=one.role, state=one.state, created_at=one.created_at
            )
            for one in outlines
        ]
        last_id = outlines[-1].id if outlines else None
        return cls.model_construct(object="list", has_more=has_more, last_id=last_id, data=data)


def cited(wire: Wire) -> list[dict[str, Any]]:
    """Pages that a model names as its sources. Source: OpenAI API reference, `annotations` of a chat message."""
    annotations = wire.get("annotations")
    found = (
        [one.get("url_citation") for one in annotations if isinstance(one, dict)]
        if isinstance(annotations, list)
        else []
    )
    return [
        {name: one[name] for name in ("title", "url") if isinstance(one.get(name), str)}
        for one in found
        if isinstance(one, dict)
    ]


def _with_pictures(role: Role, content: Any, images: Sequence[ImageIn]) -> Any:
    """The content with pictures behind it; those in it that came as bytes are looked at too."""
    for number, part in enumerate(content if isinstance(content, list) else ()):
        told = part.get("image_url") if part["type"] == "image_url" else None
        url = told.get("url") if isinstance(told, dict) else None
        if isinstance(url, str) and url[:5].lower() == "data:":
            ImageIn(data=url).picture(f"content[{number}].")
    if not images:
        return content
    if role != "user":
        raise InvalidRequest("Pictures can only be in a user's message.", param="images")
    words = content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []
    links = [image.picture(f"images[{number}].").link for number, image in enumerate(images)]
    return [*words, *({"type": "image_url", "image_url": {"url": link}} for link in links)]


def _ours(message: MessageIn) -> dict[str, Any]:
    """Graft's own items of a new node."""
    told = {LABELS: message.labels, SOURCES: message.sources, SCRATCHPAD: message.scratchpad}
    kept = {name: value for name, value in told.items() if value}
    return {OURS: kept} if kept else {}


def chain(tree: Tree, parent_id: str | None, messages: Sequence[SaidIn], place: str = "") -> list[Node]:
    """Messages as nodes, each under the one before; `place` names them in errors. Raises InvalidRequest."""
    nodes: list[Node] = []
    under = parent_of(parent_id)
    for index, said in enumerate(messages):
        message = said.settled(tree.participants, place.format(index))
        node = Node(
            id=NodeId(new_id("n")),
            tree_id=tree.id,
            parent_id=under,
            message=Message(message.wire),
            state="whole",
            created_at=time.time(),
            sender=message.sender or message.name,
            metadata={**message.metadata, **_ours(message)},
        )
        nodes.append(node)
        under = node.id
    return nodes
