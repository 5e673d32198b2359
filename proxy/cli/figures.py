"""What `graft eval` prints: tables of placements, of replays, and of how far confidence can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from proxy.routing.bench.metrics import Figure, Judged
    from proxy.routing.bench.run import Replay


def show(console: Console, judged: Sequence[Judged]) -> None:
    from proxy.routing.bench.metrics import KINDS, groups, intervals

    for name, members in groups(judged).items():
        figures = intervals(members)
        table = Table(title=f"{name}, {len(members)} cases: per cent [95 % interval]", title_justify="left")
        for column in ("", "cases", "attach", "branch"):
            table.add_column(column, justify="right" if column else "left", no_wrap=True)
        for kind in KINDS:
            if f"attach_{kind}" in figures:
                count = sum(j.case.kind == kind for j in members)
                table.add_row(kind, str(count), *(_cell(figures[f"{row}_{kind}"]) for row in ("attach", "branch")))
        table.add_section()
        for mean, told in (("macro", "mean over kinds"), ("mix", "weighted by traffic"), ("micro", "mean over cases")):
            table.add_row(told, "", *(_cell(figures[f"{row}_{mean}"]) for row in ("attach", "branch")))
        console.print(table)
        took = f", {figures['ms_p50'].value:.1f} ms (p95 {figures['ms_p95'].value:.1f})" if "ms_p50" in figures else ""
        console.print(
            f"  tokens saved {100 * figures['tokens_saved'].value:.1f} %, needed context kept "
            f"{100 * figures['context_kept'].value:.1f} %, sent/needed {figures['sent_vs_gold'].value:.2f}{took}\n",
            highlight=False,
        )
    show_calibration(console, judged)


def show_calibration(console: Console, judged: Sequence[Judged]) -> None:
    """How often a place was right, by how sure the router was of it."""
    import numpy as np

    from proxy.routing.learn.report import calibration_error, reliability

    told = [(j.confidence, j.attach) for j in judged if j.confidence is not None]
    if not told:
        return
    confidence, right = np.array([one for one, _ in told], np.float32), np.array([hit for _, hit in told])
    table = Table(title=f"Confidence against what was right, {len(told)} cases, per cent", title_justify="left")
    for column in ("confidence from", "cases", "mean confidence", "right"):
        table.add_column(column, justify="right")
    for row in reliability(confidence, right):
        table.add_row(f"{100 * row['from']:.0f}", str(row["cases"]), f"{row['confidence']:.1f}", f"{row['right']:.1f}")
    console.print(table)
    console.print(f"  expected calibration error {calibration_error(confidence, right):.1f} points\n", highlight=False)


def _cell(figure: Figure) -> str:
    return f"{100 * figure.value:.1f} [{100 * figure.low:.0f}-{100 * figure.high:.0f}]"


def show_fresh(console: Console, judged: Sequence[Judged]) -> None:
    from proxy.routing.bench.fresh import fresh_figures

    table = Table(title="Requests without history, per 100", title_justify="left")
    for column in ("", "cases", "right", "false joins", "begun anew"):
        table.add_column(column, justify="right" if column else "left")
    for kind, figures in fresh_figures(judged).items():
        shares = (figures.right, figures.false_joins, figures.apart)
        table.add_row(kind, str(figures.cases), *(f"{100 * share:.1f}" for share in shares))
    console.print(table)


MIXES = {
    "stream": "streams as they are",
    "chats": "longer conversations woven anew",
    "fresh-clients": "longer conversations, some turns without history",
}


def show_replays(console: Console, mix: str, accounts: Sequence[tuple[str, Replay]]) -> None:
    table = Table(title=f"Replays on the router's own tree, per 100 turns: {mix}", title_justify="left")
    for column in ("stream", "turns", "wrong joins", "torn follow-ups", "needless roots", "conversations kept whole"):
        table.add_column(column, justify="left" if column == "stream" else "right")
    total = accounts[0][1]
    for _, account in accounts[1:]:
        total += account
    for name, account in [*accounts, *([("all", total)] if len(accounts) > 1 else [])]:
        errors = [account.wrong_joins, account.torn, account.needless_roots]
        rates = [f"{account.per_100(count):.1f}" for count in errors]
        table.add_row(name, str(account.turns), *rates, f"{account.whole} of {account.conversations}")
    console.print(table)
    counts = {"wrong joins": total.wrong_joins, "torn follow-ups": total.torn, "needless roots": total.needless_roots}
    told = ", ".join(f"{total.per_100(count):.1f} {name}" for name, count in counts.items())
    console.print(f"  {told} per 100 turns\n", highlight=False, soft_wrap=True)
