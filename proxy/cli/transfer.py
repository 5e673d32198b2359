"""`graft export` and `graft import`: trees out into files, and in again."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from proxy.cli.common import config_option, demand_spare, tree_named, with_store
from proxy.cli.progress import shown
from proxy.config import load
from proxy.domain.archive import Imported, Progress, Target
from proxy.domain.tree import DEFAULT_TREE, NodeId, UserId
from proxy.transfer import formats
from proxy.transfer.formats import READABLE, WRITTEN, Readable, Written
from proxy.transfer.moving import check

if TYPE_CHECKING:
    from proxy.store.sqlite import SqliteStore

user_option = click.option(
    "--user", default="local", show_default=True, help="Whose tree; `local` is the user of a server without keys."
)


@click.command(name="export")
@click.argument("archive", metavar="[FILE]", required=False, type=click.Path(dir_okay=False, path_type=Path))
@user_option
@click.option("--tree", "name", help=f"The tree's name; {DEFAULT_TREE!r}, or the tree of --node, by default.")
@click.option("--node", "node_id", help="Export the branch from the root to this node alone.")
@click.option(
    "--format",
    "form",
    type=click.Choice(WRITTEN),
    default="native",
    show_default=True,
    help="`native` holds all that was said and is kept beside it, `notebook` a tree's messages; `openai_chat` one branch, the newest without --node; "
    "`lollms_text` and `markdown` are for reading.",
)
@click.option(
    "-o", "--output", "file", type=click.Path(dir_okay=False, path_type=Path), help="File to write; else the terminal."
)
@click.option("--force", is_flag=True, help="Replace the file where it is there already.")
@config_option
def export_tree(
    *,
    archive: Path | None,
    user: str,
    name: str | None,
    node_id: str | None,
    form: Written,
    file: Path | None,
    force: bool,
    config_file: str | None,
) -> None:
    """Write a tree, or one branch of it, to a file (-o). A server may go on meanwhile.

    With FILE, write everything that is stored about the user into one archive instead: a zip of JSON lines, and bodies as they are.
    """
    user_id = UserId(user)
    demand_spare(archive or file, config_file, replaces=force)
    if archive is not None:
        if name or node_id or file:
            raise click.UsageError("FILE takes everything of the user; --tree, --node and -o name a part of it.")
        _tell_everything(user_id, archive, config_file)
        return
    node = None if node_id is None else NodeId(node_id)

    async def work(store: SqliteStore) -> int:
        if node is not None and name is None:
            tree_id = (await store.node(user_id, node)).tree_id
        else:
            tree_id = (await tree_named(store, user_id, name or DEFAULT_TREE)).id
        newest = form in formats.BRANCH_ONLY
        with _output(file) as out, shown("Writing") as tell:
            async with store.snapshot(user_id, tree_id, node, newest=newest) as copy:
                return await _write(formats.write(form, copy), out, tell)

    size = with_store(config_file, work)
    if file is not None:
        click.echo(f"Wrote {size:,} bytes to {file}.", err=True)


def _tell_everything(user_id: UserId, archive: Path, config_file: str | None) -> None:
    async def work(store: SqliteStore) -> int:
        with _output(archive) as out, shown("Writing") as tell:
            return await store.tell_everything(user_id, out, tell)

    rows = with_store(config_file, work)
    click.echo(f"Wrote everything that is stored about {user_id!r} to {archive}: {rows:,} rows.", err=True)


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@user_option
@click.option("--tree", "name", help="A tree to make, or to grow; the name in the file by default.")
@click.option("--node", "node_id", help="Hang the file's nodes under this one; from the root by default.")
@click.option(
    "--format", "form", type=click.Choice(READABLE), default="auto", show_default=True, help="What the file is."
)
@config_option
def import_tree(
    file: Path, user: str, name: str | None, node_id: str | None, form: Readable, config_file: str | None
) -> None:
    """Read a tree, or a branch, from FILE (`-` for standard input): all of it, or nothing where anything is wrong.

    Importing a file again adds only what is new. A tree that holds nodes already keeps its own title, system prompt and zones, and a
    personality of yours is not touched by one of the same name.
    """
    target = Target(name, None if node_id is None else NodeId(node_id), keeps_ids=True)
    kept = tempfile.SpooledTemporaryFile if load(config_file).storage.encryption else tempfile.TemporaryFile
    with _input(file, kept) as source, shown("Checking") as tell:
        checked = check(source, form, tell)

        async def work(store: SqliteStore) -> Imported:
            with shown("Storing", checked.nodes) as tell:
                return await store.bring_in(UserId(user), checked, target, tell)

        imported = with_store(config_file, work, makes=True)
    click.echo(_told(imported, user), err=True)


def _told(imported: Imported, user: str) -> str:
    made = "Made" if imported.is_new else "Grew"
    told = [f"{made} the tree {imported.tree.name!r} of {user!r}: {imported.added:,} nodes added"]
    told += [f"{imported.known:,} were there before"] if imported.known else []
    told += [f"{imported.renamed:,} got a new id, since theirs was taken or unfit"] if imported.renamed else []
    told += [f"with {', '.join(f'{count:,} {name}' for name, count in imported.beside.items())}"] * bool(
        imported.beside
    )
    kept = ", ".join(map(repr, imported.kept_personalities))
    return ", ".join(told) + "." + f" Your own personalities of the same name stay as they are: {kept}." * bool(kept)


async def _write(pieces: AsyncIterator[bytes], out: BinaryIO, tell: Progress) -> int:
    size = written = 0
    async for piece in pieces:
        size += out.write(piece)
        written += 1
        tell(written)
    return size


@contextmanager
def _output(file: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that is there only when it is complete; conversations are for their owner's eyes."""
    if file is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle, part = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as exc:
        raise click.ClickException(f"{str(file)!r} cannot be written: {exc.strerror}.") from exc
    try:
        with os.fdopen(handle, "wb") as out:
            yield out
        Path(part).replace(file)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise


@contextmanager
def _input(file: Path, keep: Callable[[], AbstractContextManager[Any]]) -> Iterator[BinaryIO]:
    """A file that can be read twice; what comes from elsewhere is kept meanwhile, in memory where nothing readable may be left."""
    if str(file) == "-":
        with keep() as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept)
            yield kept
        return
    try:
        source = file.open("rb")
    except OSError as exc:
        raise click.ClickException(f"{str(file)!r} cannot be read: {exc.strerror}.") from exc
    with source:
        yield source
