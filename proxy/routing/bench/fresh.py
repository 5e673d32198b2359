"""The `fresh` suite: requests that come without history, made at run time from labelled cases.

    go on       a follow-up from a client that keeps no history: it belongs behind the reply just given
    new chat    the next turn of an older conversation in a chat that says it is new: joining that conversation or the root is right
    new topic   the first turn of a conversation that the tree does not hold, in a new chat
    one shot    a prompt that a program sends about some text: the root alone is right

What counts above all is a *false join*: a turn put into a conversation that is not its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from proxy.domain.placement import Fresh
from proxy.routing.bench.cases import Case
from proxy.routing.bench.metrics import Judged

SUITE = "fresh"

KINDS = ("go on", "new chat", "new topic", "one shot")

NEW_CHAT_S = 24 * 3600.0
"""Age of the active conversation when a new chat begins."""

JUST_NOW_S = 60.0

PROMPTS = (
    "Classify the sentiment of this text as positive, negative or neutral. Answer with one word.\n\nText: {text}",
    "Summarize the following in one sentence:\n\n{text}",
    "Extract all names of people and places from the text below as a JSON list.\n\n{text}",
    "Translate to German. Output the translation only.\n\n{text}",
    "Does the following message ask a question? Reply yes or no.\n\nMessage: {text}",
)
"""Of our own making; the text is a first turn that the tree does not hold."""

QUOTED = 600


def fresh_cases(cases: Sequence[Case]) -> list[Case]:
    """The suite for the core cases among these."""
    found: list[Case] = []
    for case in cases:
        if case.suite != "core":
            continue
        if case.kind == "continue":
            found.append(_made(case, "go on", "auto", JUST_NOW_S))
        elif case.kind == "return":
            found.append(_made(case, "new chat", "confident", NEW_CHAT_S))
        elif case.kind == "new":
            found.append(_made(case, "new topic", "confident", NEW_CHAT_S))
            prompt = PROMPTS[len(found) % len(PROMPTS)].format(text=case.turn[:QUOTED])
            found.append(replace(_made(case, "one shot", "auto", NEW_CHAT_S), turn=prompt))
    return found


@dataclass(frozen=True, slots=True)
class FreshFigures:
    """Shares between 0 and 1 of the cases of one kind."""

    cases: int
    right: float
    """At the right node; for a new chat that goes on with an old topic, by conversation."""
    false_joins: float
    apart: float
    """At the root although the conversation was there."""


def fresh_figures(judged: Sequence[Judged]) -> Mapping[str, FreshFigures]:
    """By kind, and `all`."""
    kinds = {kind: [j for j in judged if j.case.kind == kind] for kind in KINDS}
    return {kind: _figures(members) for kind, members in (kinds | {"all": list(judged)}).items() if members}


def _figures(judged: Sequence[Judged]) -> FreshFigures:
    count = len(judged)
    joins = sum(not j.branch and not j.at_root for j in judged)
    apart = sum(not j.branch and j.at_root for j in judged)
    right = sum(j.branch if j.case.kind == "new chat" else j.attach for j in judged)
    return FreshFigures(count, right / count, joins / count, apart / count)


def _made(case: Case, kind: str, fresh: Fresh, age_s: float) -> Case:
    return replace(case, id=f"{kind}: {case.id}", suite=SUITE, kind=kind, fresh=fresh, active_age_s=age_s)
