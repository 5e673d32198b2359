"""`/api/docs`: the description of the tree API, as OpenAPI's JSON and as one page for people.

The page is plain HTML, made from the document: nothing on it comes from another host, and it runs no script. `/v1` is OpenAI's, and
described there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from litestar import Request
from litestar.enums import MediaType
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from proxy import __version__
from proxy.api.examples import with_examples

PATH: Final = "/api/docs"
OURS: Final = "/api/"

_STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:56rem;margin:2rem auto;padding:0 1rem}"
    "pre{background:#8881;padding:.6rem;overflow:auto}code{font-family:monospace}summary{cursor:pointer}h2{margin-top:2.5rem}"
)


def config() -> OpenAPIConfig:
    """How the application describes itself."""
    return OpenAPIConfig(
        title="Graft",
        version=__version__,
        path=PATH,
        use_handler_docstrings=True,
        components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
        render_plugins=[Document(path="/openapi.json"), Page(path="/")],
    )


class Document(JsonRenderPlugin):
    """The document, with an example for whatever is sent and answered."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, described(openapi_schema))


class Page(OpenAPIRenderPlugin):
    """The same for people."""

    def __init__(self, path: str) -> None:
        super().__init__(path=path, media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        return "\n".join(_page(described(openapi_schema))).encode()


def described(document: Mapping[str, Any]) -> dict[str, Any]:
    """The part of the application's document that is ours, with examples."""
    paths = {path: operations for path, operations in document["paths"].items() if path.startswith(OURS)}
    return with_examples({**document, "paths": paths})


def _page(document: Mapping[str, Any]) -> Iterator[str]:
    yield f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Graft {__version__}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
    yield f'<h1>The tree API of Graft {__version__}</h1><p>For programs: <a href="{PATH}/openapi.json">OpenAPI document</a>.'
    for path, operations in document["paths"].items():
        for verb, operation in operations.items():
            yield from _operation(f"{verb.upper()} {path}", operation)


def _operation(endpoint: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<h2><code>{escape(endpoint)}</code></h2><p><b>{escape(operation['summary'])}.</b>"
    yield escape(operation.get("description", ""))
    parameters = operation.get("parameters", ())
    if parameters:
        yield "<ul>"
        for one in parameters:
            told = (
                f"<code>{escape(one['name'])}</code> in the {escape(one['in'])}: {escape(one.get('description', ''))}"
            )
            yield f"<li>{told}{'' if one.get('required') else ' Optional.'}"
        yield "</ul>"
    if body := operation.get("requestBody"):
        yield from _content("Request", body)
    for status, answer in operation["responses"].items():
        yield from _content(f"{status}: {answer['description']}", answer)


def _content(title: str, holder: Mapping[str, Any]) -> Iterator[str]:
    for media_type, content in holder.get("content", {}).items():
        example = content.get("example")
        shown = example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)
        told = f"{escape(title)} ({escape(media_type)})"
        yield f"<details><summary>{told}</summary><pre><code>{escape(shown)}</code></pre></details>"
