"""The README's account of accuracy, written from the reports in the shipped weights: `python -m proxy.routing.learn.telling README.md`.

It stands between two marks and holds no figure of its own, so that the README tells what the fitting run measured, and a test can hold
it to that.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from proxy.routing.decision import NEEDLESS_ROOT, TORN, WRONG_JOIN, shipped_report

BEGIN, END = "<!-- placement figures: begin -->", "<!-- placement figures: end -->"
FIGURES = "per cent, cross-validated by source dialogue"

ROWS = (
    ("minilm", "dev", "`embedder: minilm` (default), development split"),
    ("minilm", "all", "the same, all labelled cases"),
    ("minilm", "all, text only", "the same, trees without shape: texts alone"),
    ("static", "dev", "`embedder: static`, development split"),
    ("static", "all", "the same, all labelled cases"),
)

HEAD = (
    "| placed by | right node | right conversation | follow-ups: node / conversation | returns | new topics | "
    "forks: node / conversation | by traffic |"
)

REPLAYED = {
    "16 conversations": "the benchmark's streams of 16 conversations",
    "64 conversations": "the benchmark's streams of 64 conversations",
    "chats": "longer conversations woven anew",
    "chats, some turns without history": "the same, some turns without history",
}


def block(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The account of some embedders' reports, by name, as Markdown."""
    told = reports["minilm"]
    figures = told[FIGURES]
    every, context = figures["all"], told["context"]["single cases"]
    fresh = told["without history, per 100"]
    return "\n".join(
        [
            BEGIN,
            f"""Turns put in the right place, per cent, on the routing benchmark: the {figures["dev"]["cases"]} cases of its development split, and all
{every["cases"]:,} labelled cases of the same dialogues. Each figure comes from weights that never saw the dialogue that the turn was taken from
(8 folds of dialogues), with confidence settled on the other folds. The figures stand in the `report` of
`proxy/routing/weights/*.json`, written by the run that fitted the weights. These trees hop between topics more often than people do.

A turn goes where a mistake is expected to cost least. A follow-up torn from its conversation costs {TORN:g}, a turn in another's
conversation {WRONG_JOIN:g}, one at the root of its own {NEEDLESS_ROOT:g}: where going back and opening a topic are about as likely, the root is taken.
""",
            HEAD,
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *(row(label, reports[embedder][FIGURES][cases]) for embedder, cases, label in ROWS),
            "| always the end of the conversation | 25.0 | 50.0 | 100 / 100 | 0 | 0 | 0 / 100 | 60.0 |",
            f"""
The first two columns are plain means over the four kinds of turn. *By traffic* counts 60 % follow-ups, 20 % new topics, 15 % returns and
5 % forks, with a 95 % interval drawn by stream. In trees of 256 conversations {every["attach_macro_in_trees_of_256"]} % of the turns come right (mean over kinds).
Of the context that a turn needs {context["kept, per cent"]} % is kept, and {context["sent for what is needed"]} times what is needed is sent (development split).
{sure(every)}
""",
            "| confidence from | cases | mean confidence | right |",
            "| --- | --- | --- | --- |",
            *(
                f"| {line['from']:g} | {line['cases']} | {line['confidence']} | {line['right']} |"
                for line in every["reliability"]
            ),
            """
Played on the router's own tree, where errors add up, per 100 turns. Here too every turn was placed by weights that never saw its dialogue,
of the same fit as those that ship (`graft eval --replay` plays with the shipped ones, which met most of these dialogues and err less):
""",
            "| stream | turns | wrong joins | torn follow-ups | needless roots | conversations kept whole |",
            "| --- | --- | --- | --- | --- | --- |",
            *replayed(told["replays, per 100 turns"]),
            f"""
The intervals are 95 %, drawn by stream. About one wrong join in five follows from an earlier one (where a conversation took in another's
turns, there is no place left behind its own last one), and some cannot be told from the text (`Yes, please.` as the return to an older
conversation). Torn follow-ups are mostly forks inside the right conversation.

Of {fresh["all"]["cases"]} requests without history (`--suite fresh`: follow-ups, new chats on old and on new topics, prompts that programs send) {fresh["all"]["false joins"]} per 100
joined a conversation that was not theirs; {fresh["new chat"]["apart"]} per 100 of the new chats on an old topic stayed apart from it.

How good an LLM scorer is depends on your model, so it has to be measured with it. Measure on labelled turns of your own, in the format of
the routing benchmark; an LLM scorer is measured the same way with `--scorer llm`:

```sh
graft eval cases.jsonl
graft eval --suite fresh cases.jsonl
graft eval --replay stream.jsonl --mix stream --mix chats --mix fresh-clients
```""",
            END,
        ]
    )


def row(label: str, figures: Mapping[str, Any]) -> str:
    """One line of the first table."""
    kinds = figures["attach_and_branch"]
    value, low, high = figures["attach_by_traffic"]
    cells = [
        label,
        figures["attach_macro"],
        figures["branch_macro"],
        " / ".join(map(str, kinds["continue"])),
        kinds["return"][0],
        kinds["new"][0],
        " / ".join(map(str, kinds["fork"])),
        f"{value} [{low}-{high}]",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def sure(figures: Mapping[str, Any]) -> str:
    """How far confidence can be trusted."""
    told = figures["sure"]
    return f"""With MiniLM the scorer is sure (0.8 or more) of {told["share"]} % of the turns and right on {told["right"]} % of those; of the others on {told["unsure_right"]} %. Confidence
is the chance to be right: the expected calibration error is {figures["expected_calibration_error"]} points."""


def replayed(accounts: Mapping[str, Mapping[str, Any]]) -> Sequence[str]:
    """The lines of the table of replays."""
    return [
        f"| {REPLAYED[name]} ({told['follow-ups']} % follow-ups) | {told['turns']} | {_with(told, 'wrong joins')} | {_with(told, 'torn')} | "
        f"{told['needless roots']} | {told['whole']} of {told['conversations']} |"
        for name, told in accounts.items()
    ]


def _with(told: Mapping[str, Any], name: str) -> str:
    """A figure with its interval."""
    low, high = told[f"{name}, 95 %"]
    return f"{told[name]} [{low}-{high}]"


def retold(readme: str) -> str:
    """A README with the account written anew.

    Raises:
        ValueError: It has no marks.
    """
    before, rest = readme[: readme.index(BEGIN)], readme[readme.index(END) + len(END) :]
    return before + block({name: shipped_report(name) for name in ("minilm", "static")}) + rest


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(retold(file.read_text(encoding="utf-8")), encoding="utf-8")
