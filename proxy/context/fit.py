"""Which turns of a path fit beside the new turn, and which summary stands for those that do not.

A path only grows, so what is cut must depend on the path alone: messages are laid down from the root, and each time the budget
is passed, the oldest turns go until 60 % of it is left. Between two cuts the same turns stand at the front of every request, and
the provider's prompt cache hits. Sizes, windows and zones change, though; so where a cut was made is kept, and holds for every path that
goes on from there. Turns are cut whole, so tool calls stay with their results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.domain.summary import Shortened, Summary
from proxy.domain.tree import NodeId
from proxy.errors import ContextTooSmall

KEEP = 0.6
"""Share of the budget that is left after a cut."""
PREPARED = 0.75
"""Share of it that a summary which was made ahead may leave: the path has grown since."""
ALIKE = 0.25
"""A cut holds for budgets that differ by no more than this share: another zone, another limit of the reply."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is sent of a path."""

    start: int = 0
    """The first turn that is sent."""
    summary: Summary | None = None
    """What stands for the turns before it, or for the oldest of them."""
    covered: int = 0
    """Turns that the summary covers."""
    is_new: bool = False
    """Whether no earlier request was cut here."""


def fitted(
    turns: Sequence[Sequence[int]], ids: Sequence[Sequence[NodeId]], budget_tokens: int, known: Shortened
) -> Fitted:
    """What is sent of a path.

    Args:
        turns: Tokens of each message, turn by turn, oldest first; the new turn is the last and stays whatever happens.
        ids: The nodes of all turns but the new one.
        budget_tokens: Room for all of them.
        known: The path's summaries, and where it was cut before.
    """
    if not known.summaries and not known.cuts and sum(map(sum, turns)) <= budget_tokens:
        return Fitted()
    behind = {turn[-1]: index + 1 for index, turn in enumerate(ids)}
    summaries = [(behind[one.node_id], one) for one in known.summaries if one.node_id in behind]
    floor = max((end for end, one in summaries if one.kind == "asked"), default=0)
    held = max(floor, _held(ids, budget_tokens, known))
    rest = _Rest(turns, summaries)
    late = [end for end, _ in summaries if end > held > rest.covered(held)]
    if late and rest.tokens(min(late)) <= budget_tokens:  # it was not there yet when the path was cut
        return rest.at(min(late), is_new=True)
    if rest.tokens(held) <= budget_tokens:
        return rest.at(held)
    ahead = [end for end, one in summaries if end > held and rest.tokens(end) <= budget_tokens * PREPARED]
    if ahead:
        return rest.at(max(ahead), is_new=True)
    start = held + first_kept(turns[held:], budget_tokens - rest.summary_tokens(held))
    while start < len(turns) - 1 and rest.tokens(start) > budget_tokens:
        start += 1
    if rest.tokens(start) > budget_tokens:  # even beside the new turn alone there is no room for a summary
        return Fitted(start, is_new=start > held)
    return rest.at(start, is_new=start > held)


def first_kept(turns: Sequence[Sequence[int]], budget_tokens: int) -> int:
    """Index of the first turn that stays.

    Args:
        turns: Tokens of each message, turn by turn, oldest first; the new turn is the last and stays whatever happens.
        budget_tokens: Room for all of them.
    """
    start = total = 0
    for index, turn in enumerate(turns):
        for tokens in turn:
            total += tokens
            if total <= budget_tokens:
                continue
            while start < index and total > budget_tokens * KEEP:
                total -= sum(turns[start])
                start += 1
    return start


def room(window_tokens: int, *, reply_tokens: int, margin: float, fixed_tokens: int, turn_tokens: int) -> int:
    """Room for the path with the new turn: the window less the reply, the margin, and what is sent whatever happens.

    Raises:
        ContextTooSmall: The new turn with the instructions and zones does not fit alone.
    """
    budget = int(window_tokens * (1 - margin)) - min(reply_tokens, window_tokens // 2)
    needed = fixed_tokens + turn_tokens
    if needed > budget:
        raise ContextTooSmall(
            f"This turn with its instructions takes about {needed} tokens, but the model's window leaves room for "
            f"{budget}. Shorten the message or choose a model with a larger window.",
            needed_tokens=needed,
            budget_tokens=budget,
        )
    return budget - fixed_tokens


class _Rest:
    """What is left of a path behind a cut."""

    def __init__(self, turns: Sequence[Sequence[int]], summaries: Sequence[tuple[int, Summary]]) -> None:
        self._summaries = summaries
        self._sums = [0]
        """Tokens of the last turns: of none, of one, of two."""
        for turn in reversed(turns):
            self._sums.append(self._sums[-1] + sum(turn))

    def tokens(self, start: int) -> int:
        return self._sums[len(self._sums) - 1 - start] + self.summary_tokens(start)

    def summary_tokens(self, start: int) -> int:
        _, summary = self._newest(start)
        return summary.tokens if summary else 0

    def covered(self, start: int) -> int:
        """Turns for which a summary stands."""
        return self._newest(start)[0]

    def at(self, start: int, *, is_new: bool = False) -> Fitted:
        covered, summary = self._newest(start)
        return Fitted(start, summary, covered, is_new)

    def _newest(self, start: int) -> tuple[int, Summary | None]:
        """The summary that reaches furthest without reaching behind a cut."""
        newest: tuple[int, Summary | None] = (0, None)
        for end, summary in self._summaries:
            if newest[0] <= end <= start:
                newest = (end, summary)
        return newest


def _held(ids: Sequence[Sequence[NodeId]], budget_tokens: int, known: Shortened) -> int:
    """The turn at which an earlier request began; 0 where none with a like budget was cut."""
    starts: Mapping[NodeId, int] = {turn[0]: index for index, turn in enumerate(ids)}
    for cut in reversed(known.cuts):
        like = abs(cut.budget_tokens - budget_tokens) <= ALIKE * cut.budget_tokens
        if like and cut.start_id in starts:
            return starts[cut.start_id]
    return 0
