"""Trees out and in: a file of a tree or a branch, streamed; and a file made a tree, all of it or nothing."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Final, Literal, cast
from urllib.parse import quote

from litestar import MediaType, Request, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example, OpenAPIMediaType, OpenAPIResponse, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.params import QueryParameter
from litestar.response import Stream
from pydantic import Field

from proxy.api.auth import LOCAL
from proxy.api.tree.trees import TreeOut
from proxy.api.tree.wire import ERRORS, NAME_MAX, Asker, InPath, Out
from proxy.domain.archive import Imported, Target
from proxy.domain.tree import Node, NodeId, Tree, TreeId
from proxy.domain.turn import Caller
from proxy.errors import NotFound
from proxy.store.sqlite import SqliteStore
from proxy.transfer import formats, moving
from proxy.transfer.formats import Readable, Written

IN_MEMORY: Final = 4_000_000
"""Bytes of an import that are held in memory; a larger one waits in a temporary file."""

Form = Annotated[
    Written,
    QueryParameter(
        name="format",
        description="`native` holds all that was said and is kept beside it, `notebook` a tree's messages, `openai_chat` one branch; `lollms_text` and `markdown` are for reading.",
    ),
]
FileForm = Annotated[Readable, QueryParameter(name="format", description="What the body is; `auto` looks at it.")]
Tip = Annotated[
    str | None,
    QueryParameter(
        max_length=200,
        description="The branch from the root to this node alone. `openai_chat` takes the newest without.",
    ),
]
Name = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=NAME_MAX, description="A tree to make, or to grow; else the name in the file."
    ),
]
Under = Annotated[
    str | None, QueryParameter(max_length=200, description="A node to hang the file's nodes under; else the root.")
]

_FILE: Final = ResponseSpec(
    dict[str, Any],
    description="The file; `format` says what is in it.",
    media_type=MediaType.JSON,
    generate_examples=False,
)
_NOTEBOOK: Final = {
    "tree_id": "lessons",
    "branches": [
        {
            "id": 1,
            "parent_id": None,
            "attachment_point": None,
            "messages": [{"role": "user", "content": "Why is the sky blue?"}, {"role": "assistant", "content": "Air scatters."}],
        },
        {
            "id": 2,
            "parent_id": 1,
            "attachment_point": 1,
            "messages": [{"role": "user", "content": "Then why are sunsets red?"}],
        },
    ],
}  # fmt: skip


def _json_file() -> OpenAPIMediaType:
    """A file as JSON: an object, or the list of messages that a branch is."""
    return OpenAPIMediaType(
        schema=Schema(type=[OpenAPIType.OBJECT, OpenAPIType.ARRAY]),
        examples={"notebook": Example(summary="A notebook's tree", value=_NOTEBOOK)},
    )


@dataclass
class TakesFile(Operation):
    """An operation whose body is a file: it is read as it comes, so Litestar does not see its type."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            description="A file in one of the formats that are exported, those for reading apart.",
            required=True,
            content={"application/json": _json_file()},
        )


@dataclass
class GivesFile(Operation):
    """An operation that answers with a file: JSON, or a text for reading."""

    def __post_init__(self) -> None:
        file = (self.responses or {}).get("200")
        if isinstance(file, OpenAPIResponse):
            text = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING))
            file.content = {**dict.fromkeys(formats.MEDIA_TYPES.values(), text), **(file.content or {})}
            file.content["application/json"] = _json_file()


class ImportOut(Out):
    """What an import has done."""

    object: Literal["import"] = "import"
    tree: TreeOut
    is_new: bool = Field(description="The tree was made by the import.", examples=[True])
    added: int = Field(description="Nodes stored.", examples=[3])
    known: int = Field(description="Nodes that were there before.", examples=[0])
    beside: dict[str, int] = Field(
        description="What was added beside nodes, by its kind: artefacts, versions, memories, images, summaries, personalities.",
        examples=[{"artefacts": 1, "versions": 2}],
    )
    kept_personalities: list[str] = Field(
        description="Names in the file under which you had personalities already; yours stay as they are.",
        examples=[[]],
    )

    @classmethod
    def of(cls, imported: Imported) -> ImportOut:
        return cls(
            tree=TreeOut.of(imported.tree),
            is_new=imported.is_new,
            added=imported.added,
            known=imported.known,
            beside=dict(imported.beside),
            kept_personalities=list(imported.kept_personalities),
        )


def routes(store: SqliteStore, grown: Callable[[Tree], object]) -> list[HTTPRouteHandler]:
    """The routes over a store; `grown` is told of a tree that an import has changed."""

    @get(
        "/trees/{tree_id:str}/export",
        summary="A tree, or a branch, as a file",
        operation_class=GivesFile,
        responses={200: _FILE, **ERRORS},
    )
    async def export_tree(tree_id: InPath, caller: Asker, form: Form = "native", node_id: Tip = None) -> Stream:
        """Streamed, as the tree is at this moment. `native` comes back by `POST /api/trees/import` exactly as it was; of the ids,
        see there.
        """
        tree = await store.tree_of(caller.user_id, TreeId(tree_id))
        node = await _node_in(store, caller, tree, node_id)
        name = quote(f"{tree.name}.{formats.SUFFIXES[form]}", safe="")
        return Stream(
            moving.blocks(_pieces(store, tree, node.id if node else None, form)),
            media_type=formats.MEDIA_TYPES[form],
            headers={"content-disposition": f"attachment; filename*=UTF-8''{name}"},
        )

    @post("/trees/import", summary="A file made a tree", operation_class=TakesFile, responses=ERRORS)
    async def import_tree(
        request: Request[Any, Any, Any],
        caller: Asker,
        form: FileForm = "auto",
        tree: Name = None,
        parent_id: Under = None,
    ) -> ImportOut:
        """All of it, or nothing where anything is wrong: the error says what, and `param` where. A file that is imported again adds
        only what is new. A tree that holds nodes keeps its own title, system prompt and zones; a personality of yours is not touched by one
        of the same name. What you had deleted comes back.

        Nodes that are not in the tree yet get ids of their own, always the same ones for the same file; on a server without keys they
        keep the file's.
        """
        with tempfile.SpooledTemporaryFile(max_size=0 if store.is_encrypted else IN_MEMORY) as kept:
            async for piece in request.stream():
                kept.write(piece)
            alone = caller == LOCAL  # on a server without keys, which has an operator and nobody else
            target = Target(tree, None if parent_id is None else NodeId(parent_id), keeps_ids=alone)
            imported = await moving.bring_in(store, caller.user_id, cast("BinaryIO", kept), target, form)
        grown(imported.tree)
        return ImportOut.of(imported)

    return [export_tree, import_tree]


async def _node_in(store: SqliteStore, caller: Caller, tree: Tree, node_id: str | None) -> Node | None:
    if node_id is None:
        return None
    node = await store.node(caller.user_id, NodeId(node_id))
    if node.tree_id != tree.id:
        raise NotFound(f"The node {node_id!r} does not exist here.")
    return node


async def _pieces(store: SqliteStore, tree: Tree, node_id: NodeId | None, form: Written) -> AsyncIterator[bytes]:
    newest = form in formats.BRANCH_ONLY
    async with store.snapshot(tree.user_id, tree.id, node_id, newest=newest) as copy:
        async for piece in formats.write(form, copy):
            yield piece
