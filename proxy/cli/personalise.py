"""`graft optimize --embedded --user`: shift the embedded scorer towards what one user corrected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from proxy.cli.common import with_store
from proxy.cli.past import labelled, read_past
from proxy.config import load
from proxy.domain.tree import UserId
from proxy.errors import InvalidRequest

if TYPE_CHECKING:
    from proxy.routing.bench.cases import Case
    from proxy.store.sqlite import SqliteStore


def personalise(config_file: str | None, user_id: UserId, out: Path | None, bench: Path | None) -> None:
    """Fit a user's shift, show what it is worth, and write it for `routing.personal`.

    Raises InvalidRequest where the user corrected nothing.
    """
    from proxy.routing.bench.cases import read_cases
    from proxy.routing.decision import Weights
    from proxy.routing.embedder import embedder
    from proxy.routing.learn import personal
    from proxy.routing.learn.cache import Remembering
    from proxy.routing.learn.guard import guard
    from proxy.routing.personal import file_for

    routing = load(config_file).routing
    if out is None and routing.personal is None:
        raise click.UsageError("Name a file with --out, or a folder under routing.personal in the configuration.")
    corrected, rest = with_store(config_file, lambda store: _turns(store, user_id))
    if not corrected:
        raise InvalidRequest(f"{user_id!r} has corrected nothing yet: there is nothing to learn from.")
    console, vectors, weights = Console(), Remembering(embedder(routing.embedder)), Weights.shipped(routing.embedder)
    holding = {"other turns of this user": rest, "turns that come with Graft": guard()}
    if bench is not None:
        holding["benchmark cases"] = read_cases(bench / "cases.jsonl", "core")
    holding = {name: cases for name, cases in holding.items() if cases}
    with console.status("Measuring"):
        seen = personal.see(corrected, vectors, weights)
        held = [personal.see(cases, vectors, weights) for cases in holding.values()]
        fitted = personal.fit(user_id, seen, held, weights)
    lines = [(f"{len(corrected)} corrected turns", fitted.corrections)]
    lines += [
        (f"{len(cases)} {name}, mean over kinds", account)
        for (name, cases), account in zip(holding.items(), fitted.held, strict=True)
    ]
    for what, (before, after) in lines:
        console.print(f"Right of {what}: {before:.1f} % before, {after:.1f} % after.", highlight=False, soft_wrap=True)
    before, after = fitted.corrections
    if after <= before:
        told = "Nothing was written: no shift that the other turns allow places more of the corrected ones rightly."
        console.print(told, highlight=False, soft_wrap=True)
        return
    file = out or Path(str(routing.personal)) / file_for(user_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(fitted.personal.flat(), separators=(",", ":")) + "\n", encoding="utf-8")
    console.print(f"Wrote {file}.", highlight=False, soft_wrap=True)


async def _turns(store: SqliteStore, user_id: UserId) -> tuple[list[Case], list[Case]]:
    """The corrected turns, and those that were let stand."""
    corrected = await labelled(store, user_id)
    known = {case.id for case in corrected}
    past = [case for tree in await store.trees(user_id) for case in await read_past(store, user_id, tree)]
    return corrected, [case for case in past if case.id not in known]
