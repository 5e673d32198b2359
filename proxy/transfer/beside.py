"""What is kept beside the messages of a tree, as lines of Graft's own format, and what must hold for each of them.

    personalities  name, system_prompt, zone, metadata, created_at, updated_at
    bodies         hash (SHA-256 of the media type, a zero byte and the bytes, in hex), media_type, and the bytes: as `text`, or for
                   pictures as `base64`. Each content stands once, and something refers to it
    artefacts      id, title, type, tags, last, created_at, updated_at; versions: version, body, at, note, reverts_to; loads
    memories       id, title, problem, solution, facts, content, method, model, personality, redacted, created_at, updated_at,
                   everywhere, nodes (those that it was made from); loads
    images         id, node, active, created_at, and `body` or `url`
    switched_off   node, numbers: images in a message that are not sent
    summaries      id, node, previous, kind, text, tokens, model, created_at, removed_at

Loads tell the node in whose subtree they hold (none for the whole tree), the version of an artefact that stays, and when.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from proxy.domain.artefact import BODY_MAX
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
from proxy.domain.picture import PICTURE_MAX, media_type_of
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.domain.zone import Personality
from proxy.transfer import layout
from proxy.transfer.checks import check_depth, decoded, fault
from proxy.transfer.layout import Entry
from proxy.transfer.lines import (
    ArtefactLine,
    BodyLine,
    ImageLine,
    LoadLine,
    MemoryLine,
    PersonalityLine,
    SummaryLine,
    SwitchedOffLine,
    line,
    list_of,
)

BEFORE: Final = ("personalities",)
AFTER: Final = ("bodies", "artefacts", "memories", "images", "switched_off", "summaries")
"""Lists that stand before zones and nodes, and after them; in this order."""
IN_ONE_PLACE: Final = 100
"""Images that hang in one place."""


class Writer:
    """Lists of these items, one after the other, as their items come."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._open: str | None = None

    def item(self, item: Beside) -> bytes:
        """The next item, behind the beginning of its list where it is the first."""
        name, head = list_of(item), b""
        if name != self._open:
            head = self.closed() + layout.opening(name)
            self._open = name
        self.counts[name] = self.counts.get(name, 0) + 1
        return head + layout.item(line(item), first=self.counts[name] == 1)

    def closed(self) -> bytes:
        """The end of the list that is open, if one is."""
        was, self._open = self._open, None
        return layout.closing() if was else b""


class Reader:
    """What was read of these lists so far.

    Args:
        pictures: The nodes above, and how many images the message of each holds, where it holds any.
        has_node: Whether a node stands above.
    """

    def __init__(self, pictures: Mapping[str, int], has_node: Callable[[str], bool]) -> None:
        self._pictures = pictures
        self._has_node = has_node
        self._seen: set[tuple[str, str]] = set()
        """The lists, and what was told in each."""
        self._bodies: dict[str, str] = {}
        """Their media types."""
        self._unused: dict[str, str] = {}
        """Bodies that nothing refers to yet, and where they stand."""
        self._hung: dict[str | None, int] = {}
        """How many images hang where."""
        self.counts: dict[str, int] = dict.fromkeys((*BEFORE, *AFTER), 0)
        self._readers: Final[dict[str, Callable[[Entry], Beside]]] = {
            "personalities": self._personality,
            "bodies": self._body,
            "artefacts": self._artefact,
            "memories": self._memory,
            "images": self._image,
            "switched_off": self._switched_off,
            "summaries": self._summary,
        }

    def item(self, entry: Entry) -> Beside:
        """Raises InvalidRequest."""
        self.counts[entry.name] += 1
        return self._readers[entry.name](entry)

    def has_personality(self, name: str) -> bool:
        return ("personalities", name) in self._seen

    def check_complete(self) -> None:
        """Raises InvalidRequest for a body that nothing refers to."""
        for place in self._unused.values():
            raise fault(place, "nothing in the file refers to this body.")

    def _once(self, entry: Entry, name: str, id_: str) -> None:
        if (key := (f"{entry.name}.{name}" if name == "title" else entry.name, id_)) in self._seen:
            raise fault(f"{entry.place}.{name}", f"{id_!r} was told before.")
        self._seen.add(key)

    def _node(self, id_: str | None, place: str) -> NodeId | None:
        if id_ is not None and not self._has_node(id_):
            raise fault(place, f"no node has the id {id_!r}.")
        return None if id_ is None else NodeId(id_)

    def _refer(self, mark: str, place: str) -> str:
        """The media type of a body that something refers to."""
        if mark not in self._bodies:
            raise fault(place, f"no body above has the hash {mark[:80]!r}.")
        self._unused.pop(mark, None)
        return self._bodies[mark]

    def _personality(self, entry: Entry) -> Personality:
        told = decoded(entry.raw, PersonalityLine, entry.place)
        check_depth(told.metadata, f"{entry.place}.metadata")
        self._once(entry, "name", told.name)
        return Personality(
            UserId(""), told.name, told.system_prompt, told.zone, told.metadata, told.created_at, told.updated_at
        )

    def _body(self, entry: Entry) -> Body:
        told = decoded(entry.raw, BodyLine, entry.place)
        self._once(entry, "hash", told.hash)
        data = _bytes_of(told, entry.place)
        if name_of(told.media_type, data) != told.hash:
            raise fault(f"{entry.place}.hash", f"the bytes do not match the hash {told.hash[:80]!r}.")
        self._bodies[told.hash] = told.media_type
        self._unused[told.hash] = entry.place
        return Body(told.hash, told.media_type, data)

    def _artefact(self, entry: Entry) -> CarriedArtefact:
        told = decoded(entry.raw, ArtefactLine, entry.place)
        self._once(entry, "id", told.id)
        self._once(entry, "title", told.title)
        versions: list[CarriedVersion] = []
        for index, one in enumerate(told.versions):
            place = f"{entry.place}.versions[{index}]"
            before = versions[-1].number if versions else 0
            if not before < one.version <= told.last:
                raise fault(f"{place}.version", f"{one.version} does not stand between {before} and {told.last}.")
            if one.reverts_to is not None and one.reverts_to >= one.version:
                raise fault(f"{place}.reverts_to", f"{one.reverts_to} is no earlier version.")
            if self._refer(one.body, f"{place}.body") != TEXT:
                raise fault(f"{place}.body", "this body is no text.")
            versions.append(CarriedVersion(one.version, one.body, one.at, one.note, one.reverts_to))
        placed = self._placed(told.loads, entry.place, {one.number for one in versions})
        ours = (told.id, told.title, told.type, told.tags, told.last, told.created_at, told.updated_at)
        return CarriedArtefact(*ours, versions, placed)

    def _memory(self, entry: Entry) -> CarriedMemory:
        told = decoded(entry.raw, MemoryLine, entry.place)
        self._once(entry, "id", told.id)
        for index, id_ in enumerate(told.nodes):
            self._node(id_, f"{entry.place}.nodes[{index}]")
        return CarriedMemory(
            told.id,
            Told(told.title, told.problem, told.solution, told.facts, told.content),
            told.method,
            told.created_at,
            told.updated_at,
            told.redacted,
            told.model,
            told.personality,
            told.everywhere,
            [NodeId(id_) for id_ in told.nodes],
            self._placed(told.loads, entry.place, set()),
        )

    def _placed(self, lines: list[LoadLine], place: str, versions: set[int]) -> list[Placed]:
        placed: dict[str | None, Placed] = {}
        for index, one in enumerate(lines):
            at = f"{place}.loads[{index}]"
            if one.node in placed:
                raise fault(f"{at}.node", "it is loaded there twice.")
            if one.version is not None and one.version not in versions:
                raise fault(f"{at}.version", f"there is no version {one.version}.")
            placed[one.node] = Placed(self._node(one.node, f"{at}.node"), one.at, one.version)
        return list(placed.values())

    def _image(self, entry: Entry) -> CarriedImage:
        told = decoded(entry.raw, ImageLine, entry.place)
        self._once(entry, "id", told.id)
        node_id = self._node(told.node, f"{entry.place}.node")
        if (told.body is None) == (told.url is None):
            raise fault(entry.place, "an image has either a `body` or a `url`.")
        if told.body is not None and self._refer(told.body, f"{entry.place}.body") == TEXT:
            raise fault(f"{entry.place}.body", "this body is no picture.")
        if told.url is not None and not _is_address(told.url):
            raise fault(f"{entry.place}.url", "it is no http or https address.")
        self._hung[told.node] = self._hung.get(told.node, 0) + 1
        if self._hung[told.node] > IN_ONE_PLACE:
            raise fault(entry.place, f"more than {IN_ONE_PLACE} images hang in one place.")
        return CarriedImage(told.id, node_id, told.active, told.created_at, told.body, told.url)

    def _switched_off(self, entry: Entry) -> SwitchedOff:
        told = decoded(entry.raw, SwitchedOffLine, entry.place)
        self._once(entry, "node", told.node)
        self._node(told.node, f"{entry.place}.node")
        count = self._pictures.get(told.node, 0)
        for index, number in enumerate(told.numbers):
            if number >= count or number in told.numbers[:index]:
                what = f"the message holds {count} images, and none of them is number {number}, or it is told twice."
                raise fault(f"{entry.place}.numbers[{index}]", what)
        return SwitchedOff(NodeId(told.node), told.numbers)

    def _summary(self, entry: Entry) -> Summary:
        told = decoded(entry.raw, SummaryLine, entry.place)
        if told.previous is not None and (entry.name, told.previous) not in self._seen:
            raise fault(f"{entry.place}.previous", f"no summary above has the id {told.previous!r}.")
        self._once(entry, "id", told.id)
        self._node(told.node, f"{entry.place}.node")
        return Summary(
            told.id,
            TreeId(""),
            NodeId(told.node),
            told.previous,
            told.kind,
            told.text,
            told.tokens,
            told.model,
            told.created_at,
            told.removed_at,
        )


def _bytes_of(told: BodyLine, place: str) -> bytes:
    """The bytes of a body, of the kind that it says. Raises InvalidRequest."""
    if (told.text is None) == (told.base64 is None) or (told.text is None) == (told.media_type == TEXT):
        raise fault(place, "a body has `text` where it is text, and else `base64`.")
    if told.text is not None:
        try:
            data = told.text.encode()
        except UnicodeEncodeError as exc:
            raise fault(f"{place}.text", "it holds half a character.") from exc
        return _of_size(data, BODY_MAX, place)
    try:
        data = base64.b64decode(told.base64 or "", validate=True)
    except (binascii.Error, ValueError) as exc:
        raise fault(f"{place}.base64", f"this is no base64: {exc}.") from exc
    if media_type_of(data) != told.media_type:
        raise fault(f"{place}.media_type", f"the bytes are no picture of the kind {told.media_type[:80]!r}.")
    return _of_size(data, PICTURE_MAX, place)


def _of_size(data: bytes, most: int, place: str) -> bytes:
    if len(data) > most:
        raise fault(place, f"the body has {len(data)} bytes; {most} are allowed.")
    return data


def _is_address(url: str) -> bool:
    try:
        told = urlsplit(url)
        return told.scheme in ("http", "https") and bool(told.hostname) and url.isprintable() and " " not in url
    except ValueError:
        return False
