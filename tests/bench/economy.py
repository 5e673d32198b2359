"""What placement saves on the routing benchmark: `python -m tests.bench.economy --bench DIR --predictions FILE`.

`graft eval DIR/cases.jsonl --predictions FILE` writes the places. Each case is one turn of somebody whose conversations run on in one endless
chat. The linear client sends all of it again; Graft sends the path to the place that it chose. Both are given the cache hits that they would
have had: the linear history was sent whole with the turn before, and a path was sent up to its last reply when that was asked for. Cached
tokens cost a tenth. Tokens are characters by four, as in the benchmark's own account.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case, read_cases

CACHED_PRICE = 0.1
CHARACTERS_A_TOKEN = 4


@dataclass
class Account:
    """Tokens over all cases."""

    linear: float = 0.0
    linear_cost: float = 0.0
    sent: float = 0.0
    cost: float = 0.0
    needed: float = 0.0
    kept: float = 0.0


def tokens(nodes: Sequence[FeedNode]) -> float:
    return sum(len(node.text) for node in nodes) / CHARACTERS_A_TOKEN


def path_to(history: dict[NodeId, FeedNode], node_id: NodeId | None) -> list[FeedNode]:
    path: list[FeedNode] = []
    while node_id is not None:
        path.append(history[node_id])
        node_id = history[node_id].parent_id
    return path[::-1]


def add(account: Account, case: Case, parent: NodeId | None) -> None:
    """One turn at the place that was chosen for it."""
    nodes = {node.id: node for node in case.history}
    turn = len(case.turn) / CHARACTERS_A_TOKEN
    path, linear = path_to(nodes, parent), list(case.history)
    account.linear += tokens(linear) + turn
    account.linear_cost += CACHED_PRICE * tokens(linear[:-1]) + tokens(linear[-1:]) + turn
    account.sent += tokens(path) + turn
    account.cost += CACHED_PRICE * tokens(path[:-1]) + tokens(path[-1:]) + turn
    golds = [path_to(nodes, gold) for gold in case.gold]
    gold = max(golds, key=lambda one: len({node.id for node in one} & {node.id for node in path}))
    account.needed += tokens(gold)
    account.kept += tokens([node for node in gold if node.id in {one.id for one in path}])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--predictions", type=Path, required=True)
    asked = parser.parse_args()
    places = {one["id"]: one["parent"] for one in map(json.loads, asked.predictions.read_text().splitlines())}
    account = Account()
    for case in read_cases(asked.bench / "cases.jsonl", "core"):
        if case.id in places:
            add(account, case, places[case.id])
    table = Table("", "linear history", "Graft", "saved")
    rows = (("tokens sent", account.linear, account.sent), ("cost with cache hits", account.linear_cost, account.cost))
    for name, linear, own in rows:
        table.add_row(name, f"{linear:,.0f}", f"{own:,.0f}", f"{1 - own / linear:.1%}")
    Console().print(table)
    Console().print(f"Needed context kept: {account.kept / account.needed:.1%}")


if __name__ == "__main__":
    main()
