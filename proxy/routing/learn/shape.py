"""The ablation: what is left of the figures when the tree's shape is hidden and only texts can be read.

Benchmarks draw their trees by rules of their own, which a model may learn instead of reading. Here age, depth, size and branching are
the same for every place, in measuring and in fitting.
"""

from __future__ import annotations

from dataclasses import replace

from proxy.routing.evidence import EARLIER
from proxy.routing.features import OVERALL, PLACE, Rows
from proxy.routing.learn.table import Table

SHAPE = frozenset(
    ["depth", "recency", "branches here", "pairs", "conversations", "turns back", "one turn back", "first of all"]
)
"""Features that say nothing about texts."""


def text_only(table: Table) -> Table:
    """The same decisions with shape hidden; how many places there are is hidden from the decision too."""
    return replace(
        table,
        active=_hidden(table.active, PLACE),
        other_rows=_hidden(table.other_rows, PLACE),
        earlier_rows=_hidden(table.earlier_rows, EARLIER),
        overall=_hidden(table.overall, OVERALL),
        shaped=False,
    )


def _hidden(rows: Rows, names: tuple[str, ...]) -> Rows:
    blind = rows.copy()
    blind[:, [at for at, name in enumerate(names) if name in SHAPE]] = 0
    return blind
