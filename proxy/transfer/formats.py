"""The formats by name: how a tree is written in each, and how a file is told apart and read."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, BinaryIO, Final, Literal

from proxy.domain.archive import Item, TreeCopy
from proxy.errors import InvalidRequest
from proxy.transfer import layout, lollms_text, markdown, native, notebook, openai_chat
from proxy.transfer.checks import TOP, decoded, fault

Written = Literal["native", "notebook", "openai_chat", "lollms_text", "markdown"]
WRITTEN: Final[tuple[Written, ...]] = ("native", "notebook", "openai_chat", "lollms_text", "markdown")
Readable = Literal["auto", "native", "notebook", "openai_chat"]
READABLE: Final[tuple[Readable, ...]] = ("auto", "native", "notebook", "openai_chat")

BRANCH_ONLY: Final[frozenset[Written]] = frozenset({"openai_chat"})
"""Formats that hold one branch and no tree."""
MEDIA_TYPES: Final[Mapping[Written, str]] = {
    "native": "application/json",
    "notebook": "application/json",
    "openai_chat": "application/json",
    "lollms_text": "text/plain",
    "markdown": "text/markdown",
}
SUFFIXES: Final[Mapping[Written, str]] = {
    "native": "graft.json",
    "notebook": "notebook.json",
    "openai_chat": "json",
    "lollms_text": "txt",
    "markdown": "md",
}

_WRITERS: Final[Mapping[Written, Callable[[TreeCopy], AsyncIterator[bytes]]]] = {
    "native": native.write,
    "notebook": notebook.write,
    "openai_chat": openai_chat.write,
    "lollms_text": lollms_text.write,
    "markdown": markdown.write,
}


def write(form: Written, copy: TreeCopy) -> AsyncIterator[bytes]:
    """A tree in a format, piece by piece."""
    return _WRITERS[form](copy)


def reader(source: BinaryIO, form: Readable = "auto") -> Callable[[], Iterator[Item]]:
    """What reads a file from its beginning, each time that it is called; errors come while it reads.

    Args:
        source: A file that can be read again from its beginning.

    Raises:
        InvalidRequest: The file is of no format that is read here.
    """
    source.seek(0)
    head = source.read(4096)
    source.seek(0)
    if form in ("auto", "native") and layout.is_laid_out(head, "graft"):
        return lambda: native.read(_rewound(source))
    content = layout.whole(source)
    if not content.strip():
        raise fault(TOP, "the file is empty.")
    document = decoded(content, object, TOP)
    match _told_apart(document) if form == "auto" else form:
        case "native":
            return lambda: native.read(io.BytesIO(content))
        case "notebook":
            fields: dict[str, Any] = document if isinstance(document, dict) else {}
            return lambda: notebook.read(fields)
        case "openai_chat":
            return lambda: openai_chat.read(document)
    raise InvalidRequest(
        "The file cannot be imported, and nothing was changed: it is of no format that is known here. Known are "
        f"{', '.join(READABLE[1:])}."
    )


def _told_apart(document: object) -> Readable | None:
    if isinstance(document, dict):
        for key, form in (("graft", "native"), ("branches", "notebook"), ("messages", "openai_chat")):
            if key in document:
                return form  # type: ignore[return-value]  # the names above
    if isinstance(document, list) and all(isinstance(one, dict) and "role" in one for one in document):
        return "openai_chat"
    return None


def _rewound(source: BinaryIO) -> BinaryIO:
    source.seek(0)
    return source
