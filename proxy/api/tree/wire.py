"""What the tree API's bodies share: how they refuse, how lists and errors look, and the limits of what may be sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final

from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proxy.api.encoding import rendered
from proxy.api.metering import Permit
from proxy.domain.tree import ROOT, NodeId
from proxy.domain.turn import Caller
from proxy.store.browse.labelling import OURS

NAME_MAX: Final = 200
TITLE_MAX: Final = 500
ZONE_MAX: Final = 200_000
"""Characters of one zone, and of a tree's system prompt."""
PERSONALITY: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""Names that can stand in a header, in a URL and behind a model's name."""
LARGEST: Final = (1 << 63) - 1
"""The largest integer that the database holds."""
METADATA_MAX: Final = 65_536
"""Bytes of JSON."""
TREE_ID: Final = "t_5qX0Zk3mVw8RbTnYcGhLpA"
NODE_ID: Final = "n_8fJ2sKx4QeWv1LrUoBdMzC"
"""Ids of the shape that is served, for the examples."""


class Body(BaseModel):
    """What comes in: unknown fields are refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Out(BaseModel):
    """What goes out."""

    model_config = ConfigDict(frozen=True, defer_build=True)


class Listed(Out):
    """Part of a list. The next part begins after the last item: `?after=LAST_ID`."""

    object: str = Field(default="list", examples=["list"])
    has_more: bool = Field(description="Whether there is a next page.", examples=[False])
    last_id: str | None = Field(description="What to send as `after` for the next page.", examples=[NODE_ID])


class ErrorBody(Out):
    message: str = Field(examples=["The node 'n_unknown' does not exist here."])
    type: str = Field(examples=["invalid_request_error"])
    param: str | None = Field(description="The field at fault.", examples=["messages[0].role"])
    code: str | None = Field(examples=["not_found"])


class ErrorOut(Out):
    """Every error has OpenAI's shape."""

    error: ErrorBody


ERRORS: Final[Mapping[int, ResponseSpec]] = {
    status: ResponseSpec(ErrorOut, description=description, generate_examples=False)
    for status, description in (
        (400, "A field is missing, unknown or not allowed; `param` names it."),
        (401, "No API key, or one that is not known."),
        (404, "The tree or node is unknown here, or another user's: nobody is told which."),
        (408, "The request took longer to arrive than `server.head_s` and `server.body_s` allow."),
        (413, "The body is larger than `server.max_body_mb` allows."),
        (414, "The URL is longer than `server.max_url_kb` allows."),
        (429, "The key has asked too much; `Retry-After` says when to ask again."),
        (431, "There are more headers than `server.max_headers` and `server.max_headers_kb` allow."),
        (503, "The server is busy, or its store cannot be used; `Retry-After` says when to ask again."),
    )
}

BUSY: Final[Mapping[int, ResponseSpec]] = {status: ERRORS[status] for status in ERRORS if status not in (400, 404)}
"""Of routes that take nothing that could be wrong."""
ASKED: Final[Mapping[int, ResponseSpec]] = {
    **ERRORS,
    **{
        status: ResponseSpec(ErrorOut, description=description, generate_examples=False)
        for status, description in (
            (
                502,
                "The model's provider failed, or answered with what cannot be read; where it sent a status, that one.",
            ),
            (504, "The model's provider did not answer in time."),
        )
    },
}
"""Of routes that ask a model."""


def _checked_metadata(items: dict[str, Any]) -> dict[str, Any]:
    if OURS in items:
        raise ValueError(f"the name {OURS!r} is Graft's own; labels are set by `labels`")
    if (size := len(rendered(items))) > METADATA_MAX:
        raise ValueError(f"it has {size} bytes of JSON; {METADATA_MAX} are allowed")
    return items


Metadata = Annotated[dict[str, Any], AfterValidator(_checked_metadata)]


def _checked_sources(sources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if (size := len(rendered(sources))) > METADATA_MAX:
        raise ValueError(f"they have {size} bytes of JSON; {METADATA_MAX} are allowed")
    return sources


Sources = Annotated[list[dict[str, Any]], Field(max_length=100), AfterValidator(_checked_sources)]
Label = Annotated[str, Field(min_length=1, max_length=100)]
Labels = Annotated[list[Label], Field(max_length=50)]
Parent = Annotated[
    str | None,
    Field(description="A node's id; `root` or null for the root.", examples=[NODE_ID, ROOT], max_length=200),
]
Asker = NamedDependency[Caller]
Admit = NamedDependency[Callable[[], Permit]]
"""Lets a request in that will ask a model."""
"""Who asks: known by their key before anything of the request is read."""
InPath = Annotated[str, PathParameter(description="An id as the API gave it.", max_length=200)]
PageSize = Annotated[int, QueryParameter(ge=1, le=1_000, description="Most items of a page.")]
After = Annotated[str | None, QueryParameter(description="The last id of the page before.", max_length=200)]


def parent_of(told: str | None) -> NodeId | None:
    """The node that a body names; `None` for the root."""
    return None if told in (None, ROOT) else NodeId(str(told))
