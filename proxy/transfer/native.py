"""Graft's own format: a whole tree, or one branch, with all that is kept beside it; what is read in is what was written out.

One JSON object in the layout of `layout.py`, one node a line, so that it streams both ways:

    graft   3, the version of this format; files of versions 1 and 2 are read too
    kind    `tree`, or `branch` for the path from the root to one node
    tree    id, name, title, system_prompt, max_context_tokens, metadata, created_at, updated_at; and where there is something to
            say: participants, scratchpad, personality
    zones   name, text, updated_at; the tree's own, and those of nodes, which name their node
    nodes   id, parent (null hangs from the root), message (as it came, in OpenAI's shape), state, created_at; and where there is
            something to say: sender, conversation, system, tokens, metadata
    end     how many of each there are, so that a shortened file is noticed

Personalities stand before the zones; artefacts, memories, images and summaries behind the nodes, each list where there is something
in it: see `beside.py`.

Nodes stand in the order in which the tree grew, parents before children. A system text stands with the first node that was said
under it; others name that node as `system_of`. Times are seconds since 1970, UTC. Unknown fields are refused: nothing is lost in
silence.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from hashlib import blake2b
from typing import Annotated, Any, BinaryIO, Final, Literal

import msgspec

from proxy.domain.archive import Carried, Item, TreeCopy, TreeFields, ZoneText
from proxy.domain.message import Role
from proxy.domain.picture import pictures_in
from proxy.domain.tree import Node, NodeId, TreeId
from proxy.domain.zone import TREE_ZONES, DataZone
from proxy.transfer import beside, layout
from proxy.transfer.checks import LAST_SECOND, TOP, check_depth, converted, decoded, fault, message
from proxy.transfer.encoding import encoded
from proxy.transfer.layout import Entry
from proxy.transfer.lines import EndLine

VERSION: Final = 3
READ: Final = (1, 2, 3)
"""Versions that are read: a later one only has more to tell."""

_BESIDE: Final = (*beside.BEFORE, *beside.AFTER)
"""Lists that files have since version 3."""
_LISTS: Final = (*beside.BEFORE, "zones", "nodes", *beside.AFTER)
_RANK: Final = {name: rank for rank, name in enumerate(("graft", "kind", "tree", *_LISTS, "end"))}
_NEEDED: Final = ("graft", "tree")

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=LAST_SECOND)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class TreeLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: _Id
    name: _Id
    created_at: _Seconds
    updated_at: _Seconds
    title: str | None = None
    system_prompt: str | None = None
    max_context_tokens: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    metadata: dict[str, Any] = {}
    participants: Annotated[dict[_Id, Role], msgspec.Meta(max_length=100)] = {}
    scratchpad: str | None = None
    personality: _Id | None = None


class ZoneLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    text: str
    updated_at: _Seconds
    node: _Id | None = None


class NodeLine(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    id: _Id
    parent: _Id | None
    message: dict[str, Any]
    state: Literal["whole", "unanswered", "interrupted"]
    created_at: _Seconds
    sender: str | None = None
    conversation: str | None = None
    system: str | None = None
    system_of: _Id | None = None
    tokens: _Count | None = None
    metadata: dict[str, Any] = {}
    personality: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None


class OwnMetadata(msgspec.Struct):
    """What Graft itself keeps in a node's metadata, under `graft`."""

    labels: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=100)]], msgspec.Meta(max_length=50)
    ] = []
    sources: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=100)] = []
    scratchpad: str | None = None
    superseded_by: _Id | None = None


async def write(copy: TreeCopy) -> AsyncIterator[bytes]:
    """The document, piece by piece."""
    yield layout.entry("graft", b"%d" % VERSION, first=True)
    yield layout.entry("kind", b'"branch"' if copy.is_branch else b'"tree"')
    yield layout.entry("tree", encoded(_tree_line(copy)))
    lists = beside.Writer()
    for one in copy.personalities:
        yield lists.item(one)
    yield lists.closed()
    yield layout.opening("zones")
    for index, zone in enumerate(copy.zones):
        yield layout.item(encoded(_zone_line(zone)), first=index == 0)
    yield layout.closing() + layout.opening("nodes")
    systems: dict[bytes, NodeId] = {}
    count = 0
    async for node in copy.nodes():
        yield layout.item(encoded(_node_line(node, systems)), first=count == 0)
        count += 1
    yield layout.closing()
    async for kept in copy.beside():
        yield lists.item(kept)
    yield lists.closed()
    yield layout.ending("end", encoded(EndLine(len(copy.zones), count, **lists.counts)))


def read(source: BinaryIO) -> Iterator[Item]:
    """The items of a document. Raises InvalidRequest with the line for whatever is wrong."""
    head = source.read(4096)
    source.seek(0)
    return _items(layout.read_lines(source) if layout.is_laid_out(head, "graft") else _in_order(source))


def _in_order(source: BinaryIO) -> Iterable[Entry]:
    """The entries of a document in another layout, in our order: JSON objects have none."""
    return sorted(layout.read_whole(source), key=lambda entry: _RANK.get(entry.name, len(_RANK)))


def _items(entries: Iterable[Entry]) -> Iterator[Item]:
    document = _Document()
    for entry in entries:
        document.check_order(entry)
        item = document.item(entry)
        if item is not None:
            yield item
    document.check_complete()


class _Document:
    """What was read of a document so far."""

    def __init__(self) -> None:
        self._version = VERSION
        self._seen: list[str] = []
        self._zones: dict[tuple[str, str | None], str] = {}
        """Where each was told, by its name and its node."""
        self._waiting: dict[str, bool] = {}
        """The nodes, and whether each is unanswered."""
        self._speaking: set[str] = set()
        """Nodes that hold a system text."""
        self._pictures: dict[str, int] = {}
        """Nodes whose messages hold images, and how many."""
        self._beside = beside.Reader(self._pictures, self._waiting.__contains__)
        self._personality: tuple[str, str] | None = None
        """The tree's own, and where it was told."""

    def check_order(self, entry: Entry) -> None:
        """Raises InvalidRequest for an entry that is unknown, or not where it belongs."""
        last = self._seen[-1] if self._seen else None
        if last is None and entry.name != "graft":
            raise fault(TOP, "this is not Graft's own format, which begins with 'graft'.")
        if entry.name not in _RANK or (self._version < VERSION and entry.name in _BESIDE):
            raise fault(entry.place, f"{entry.name!r} is unknown here.")
        if entry.name == last and entry.name in _LISTS:
            return
        if last is not None and _RANK[entry.name] <= _RANK[last]:
            raise fault(entry.place, f"{entry.name!r} is told twice, or stands too late.")
        missing = [name for name in _NEEDED if _RANK[name] < _RANK[entry.name] and name not in self._seen]
        if missing:
            raise fault(entry.place, f"{missing[0]!r} must stand before {entry.name!r}.")
        self._seen.append(entry.name)

    def check_complete(self) -> None:
        if self._seen[-1:] != ["end"]:
            raise fault("the end", "the file was cut off: 'end' is missing.")

    def item(self, entry: Entry) -> Item | None:
        """What an entry tells, if it is more than about the document itself."""
        match entry.name:
            case "graft":
                self._version = decoded(entry.raw, int, entry.place)
                if self._version not in READ:
                    raise fault(entry.place, f"this Graft reads versions {READ[0]} to {READ[-1]} of its format.")
            case "kind":
                if decoded(entry.raw, str, entry.place) not in ("tree", "branch"):
                    raise fault(entry.place, "the kind is neither 'tree' nor 'branch'.")
            case "tree":
                fields = _tree_fields(entry)
                if fields.personality is not None:
                    self._personality = fields.personality, f"{entry.place}.personality"
                return fields
            case "zones":
                return self._zone(entry)
            case "nodes":
                return self._node(entry)
            case "end":
                self._check_end(entry)
            case _:
                return self._beside.item(entry)
        return None

    def _check_end(self, entry: Entry) -> None:
        told, found = decoded(entry.raw, EndLine, entry.place), EndLine(len(self._zones), len(self._waiting))
        for name, count in self._beside.counts.items():
            setattr(found, name, count)
        if told != found:
            raise fault(entry.place, f"the file was changed: it should hold {_counted(told)}, not {_counted(found)}.")
        for (_, node_id), place in self._zones.items():
            if node_id is not None and node_id not in self._waiting:
                raise fault(f"{place}.node", f"no node has the id {node_id!r}.")
        if self._personality is not None and not self._beside.has_personality(self._personality[0]):
            raise fault(self._personality[1], f"the file holds no personality {self._personality[0]!r}.")
        self._beside.check_complete()

    def _zone(self, entry: Entry) -> ZoneText:
        zone = _zone_text(entry)
        if (zone.name, zone.node_id) in self._zones:
            raise fault(entry.place, f"the zone {zone.name!r} was told before.")
        self._zones[zone.name, zone.node_id] = entry.place
        return zone

    def _node(self, entry: Entry) -> Carried:
        line = decoded(entry.raw, NodeLine, entry.place)
        self._check_place(line, entry.place)
        self._waiting[line.id] = line.state == "unanswered"
        said = message(line.message, f"{entry.place}.message")
        if pictures := pictures_in(said):
            self._pictures[line.id] = len(pictures)
        if line.system is not None:
            self._speaking.add(line.id)
        _check_metadata(line.metadata, f"{entry.place}.metadata")
        node = Node(
            id=NodeId(line.id),
            tree_id=TreeId(""),
            parent_id=None if line.parent is None else NodeId(line.parent),
            message=said,
            state=line.state,
            created_at=line.created_at,
            sender=line.sender,
            conversation=line.conversation,
            system=line.system,
            tokens=line.tokens,
            metadata=line.metadata,
            personality=line.personality,
        )
        return Carried(node, system_of=None if line.system_of is None else NodeId(line.system_of))

    def _check_place(self, line: NodeLine, place: str) -> None:
        if line.id in self._waiting:
            raise fault(f"{place}.id", f"{line.id!r} is the id of an earlier node.")
        if line.parent is not None and line.parent not in self._waiting:
            raise fault(f"{place}.parent", f"no node above has the id {line.parent!r}; parents stand before children.")
        if line.parent is not None and self._waiting[line.parent] and line.state != "unanswered":
            raise fault(f"{place}.state", f"{line.state!r}, although {line.parent!r} above it is 'unanswered'.")
        if line.system_of is not None and (line.system is not None or line.system_of not in self._speaking):
            raise fault(f"{place}.system_of", f"no node above with the id {line.system_of!r} holds the system text.")


def _tree_line(copy: TreeCopy) -> TreeLine:
    tree = copy.tree
    return TreeLine(
        id=tree.id,
        name=tree.name,
        created_at=tree.created_at,
        updated_at=tree.updated_at,
        title=tree.title,
        system_prompt=tree.system_prompt,
        max_context_tokens=tree.max_context_tokens,
        metadata=dict(tree.metadata),
        participants=dict(tree.participants),
        scratchpad=copy.scratchpad or None,
        personality=tree.personality,
    )


def _tree_fields(entry: Entry) -> TreeFields:
    line = decoded(entry.raw, TreeLine, entry.place)
    check_depth(line.metadata, f"{entry.place}.metadata")
    return TreeFields(
        name=line.name,
        id=TreeId(line.id),
        title=line.title,
        system_prompt=line.system_prompt,
        max_context_tokens=line.max_context_tokens,
        metadata=line.metadata,
        participants=line.participants,
        scratchpad=line.scratchpad,
        personality=line.personality,
        created_at=line.created_at,
        updated_at=line.updated_at,
    )


def _zone_line(zone: DataZone) -> ZoneLine:
    return ZoneLine(zone.name, zone.text, zone.updated_at, zone.node_id)


def _zone_text(entry: Entry) -> ZoneText:
    line = decoded(entry.raw, ZoneLine, entry.place)
    if line.node is not None and line.name == "node":
        return ZoneText("node", line.text, line.updated_at, NodeId(line.node))
    for name in TREE_ZONES:
        if name == line.name and line.node is None:
            return ZoneText(name, line.text, line.updated_at)
    raise fault(f"{entry.place}.name", f"{line.name!r} is no zone of a tree.")


def _node_line(node: Node, systems: dict[bytes, NodeId]) -> NodeLine:
    """One node; `systems` knows by its digest under which node each system text was written."""
    first = node.id
    if node.system is not None:
        first = systems.setdefault(blake2b(encoded(node.system), digest_size=16).digest(), node.id)
    return NodeLine(
        id=node.id,
        parent=node.parent_id,
        message=dict(node.message.wire),
        state=node.state,
        created_at=node.created_at,
        sender=node.sender,
        conversation=node.conversation,
        system=node.system if first == node.id else None,
        system_of=first if first != node.id else None,
        tokens=node.tokens,
        metadata=dict(node.metadata),
        personality=node.personality,
    )


def _check_metadata(metadata: dict[str, Any], place: str) -> None:
    check_depth(metadata, place)
    if "graft" in metadata:
        converted(metadata["graft"], OwnMetadata, f"{place}.graft")


def _counted(line: EndLine) -> str:
    told = [f"{line.nodes} nodes", f"{line.zones} zones"]
    told += [f"{count} {name}" for name in _BESIDE if (count := getattr(line, name))]
    return ", ".join(told)
