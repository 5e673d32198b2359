"""`graft tree`: a stored tree, drawn in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.text import Text

from proxy.cli.common import config_option, tree_named, with_store
from proxy.domain.drawing import drawn, shorten, visible
from proxy.domain.tree import DEFAULT_TREE, UserId

if TYPE_CHECKING:
    from proxy.domain.tree import Tree
    from proxy.store.records import Outline
    from proxy.store.sqlite import SqliteStore

STYLES: Mapping[str, str] = {"user": "bold", "assistant": "dim", "system": "magenta", "tool": "blue"}


@click.command()
@click.option(
    "--user", default="local", show_default=True, help="Whose tree; `local` is the user of a server without keys."
)
@click.option("--tree", "name", default=DEFAULT_TREE, show_default=True, help="The tree's name.")
@click.option("--ids", is_flag=True, help="Show node ids.")
@click.option("--replies", is_flag=True, help="Show replies too, not only what the user said.")
@config_option
def tree(user: str, name: str, ids: bool, replies: bool, config_file: str | None) -> None:
    """Draw a tree: one line a turn, branches indented."""
    user_id = UserId(user)

    async def work(store: SqliteStore) -> tuple[Tree, list[Outline]]:
        found = await tree_named(store, user_id, name)
        return found, await store.structure(user_id, found.id, preview=True)

    found, outlines = with_store(config_file, work)
    console = Console()
    for line in draw(found.title or found.name, outlines, ids=ids, replies=replies):
        console.print(line, no_wrap=True, overflow="ellipsis")
    turns = sum(outline.role == "user" for outline in outlines)
    console.print(f"{len(outlines)} nodes, {turns} turns", style="dim")


def draw(title: str, outlines: Sequence[Outline], *, ids: bool, replies: bool) -> Iterator[Text]:
    """The tree, line by line."""
    yield Text(visible(title), style="bold")
    for guides, outline in drawn(outlines, replies=replies):
        yield Text(guides).append_text(label(outline, ids=ids))


def label(outline: Outline, *, ids: bool) -> Text:
    text = Text(shorten(outline.preview or "(no text)", 80), style=STYLES.get(outline.role, ""))
    text.append(datetime.fromtimestamp(outline.created_at, UTC).strftime("  %d %b %H:%M"), style="dim")
    if outline.state != "whole":
        text.append(f"  {outline.state}", style="red")
    if ids:
        text.append(f"  {outline.id}", style="cyan")
    return text
