"""A bar that shows how far a long command is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def shown(what: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """A bar on standard error, where that is a terminal; told how much is done, of how much where that was not known, and what is being done where that changes."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.fields[what]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, what=what)

        def tell(done: int, of: int | None = None, what: str = what) -> None:
            bar.update(task, completed=done, total=total if of is None else of, what=what)

        yield tell
