"""Which turns of a path fit beside the new turn.

A path only grows, so what is cut must depend on the path alone: messages are laid down from the root, and each time the budget
is passed, the oldest turns go until 60 % of it is left. Between two cuts the same turns stand at the front of every request, and
the provider's prompt cache hits. Turns are cut whole, so tool calls stay with their results.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.errors import ContextTooSmall

KEEP = 0.6
"""Share of the budget that is left after a cut."""


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
