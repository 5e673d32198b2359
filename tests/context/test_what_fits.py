"""A path is cut by whole turns, far enough to hold for a while, and the new turn is never cut."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.context import fit
from proxy.context.compose import Context, Window, compose
from proxy.context.tokens import FRAME_TOKENS, MEDIA_TOKENS, estimate, estimate_all
from proxy.domain.message import Message, said
from proxy.errors import ContextTooSmall
from tests.context.scenes import calls, chain, draft, result, talk, texts

SIZES = st.integers(1, 60)
TURNS = st.lists(st.lists(SIZES, min_size=1, max_size=4), min_size=1, max_size=14)
BUDGET = 100


def window(tokens: int, reply: int = 0, margin: float = 0) -> Window:
    return Window(tokens, reply, margin)


def test_everything_stays_while_it_fits() -> None:
    assert fit.first_kept([[40], [30], [30]], BUDGET) == 0


def test_a_cut_goes_down_to_three_fifths_of_the_budget() -> None:
    assert fit.first_kept([[20], [20], [20], [20], [20], [1]], BUDGET) == 3


def test_a_cut_holds_until_the_budget_is_passed_again() -> None:
    path = [[20]] * 5
    starts = [fit.first_kept([*path, *[[5]] * more], BUDGET) for more in range(1, 12)]
    assert starts == [3] * 11
    assert fit.first_kept([*path, *[[5]] * 13], BUDGET) > 3


@given(TURNS)
def test_what_is_kept_fits_and_ends_in_the_new_turn(turns: list[list[int]]) -> None:
    assume(sum(turns[-1]) <= BUDGET)
    start = fit.first_kept(turns, BUDGET)
    assert start < len(turns)
    assert sum(map(sum, turns[start:])) <= BUDGET


@given(TURNS)
def test_as_a_path_grows_message_by_message_its_start_never_moves_back(turns: list[list[int]]) -> None:
    starts = []
    for number in range(len(turns)):
        for length in range(1, len(turns[number]) + 1):
            starts.append(fit.first_kept([*turns[:number], turns[number][:length]], BUDGET))
    assert starts == sorted(starts)


@given(TURNS)
def test_the_start_moves_only_when_the_budget_is_passed(turns: list[list[int]]) -> None:
    """So between two cuts the same turns stand at the front, and a provider's prompt cache hits."""
    before = 0
    for number in range(len(turns)):
        start = fit.first_kept(turns[: number + 1], BUDGET)
        if start != before:
            assert sum(map(sum, turns[before : number + 1])) > BUDGET
            before = start


def test_the_room_is_the_window_less_reply_margin_and_what_is_always_sent() -> None:
    asked = {"reply_tokens": 100, "margin": 0.1, "fixed_tokens": 50, "turn_tokens": 200}
    assert fit.room(1000, **asked) == 1000 * 0.9 - 100 - 50
    assert fit.room(1000, **{**asked, "reply_tokens": 5_000}) == 1000 * 0.9 - 500 - 50
    with pytest.raises(ContextTooSmall) as small:
        fit.room(300, **asked)
    assert (small.value.needed_tokens, small.value.budget_tokens) == (250, 170)
    assert small.value.code == "context_length_exceeded"


def test_a_path_that_does_not_fit_loses_its_oldest_turns() -> None:
    path = talk(10)
    all_of_it = estimate_all([node.message for node in path])
    sent = compose(draft(path), window(all_of_it))
    assert sent.left_out > 0
    assert sent.left_out % 2 == 0
    assert list(sent.path) == path[sent.left_out :]
    assert texts(sent.messages) == [*(node.message.text for node in path[sent.left_out :]), "new"]
    assert sent.tokens == estimate_all(sent.messages) <= all_of_it


def test_instructions_zones_and_loose_messages_are_never_cut() -> None:
    path = talk(10)
    loose = {path[0].id: [said("user", "a file of mine")], None: [said("user", "an example")]}
    sent = compose(draft(path, system=[said("system", "Be brief.")], loose=loose), window(90))
    assert texts(sent.messages)[:3] == ["Be brief.", "an example", "a file of mine"]
    assert texts(sent.messages)[-1] == "new"
    assert sent.left_out


def test_a_turn_that_does_not_fit_alone_is_refused() -> None:
    with pytest.raises(ContextTooSmall):
        compose(draft(talk(1), [said("user", "word " * 100)]), window(100))
    with pytest.raises(ContextTooSmall):
        compose(draft(talk(1), loose={None: [said("user", "word " * 100)]}), window(100))


def test_results_of_tools_are_never_sent_without_the_calls_they_answer() -> None:
    loop = [said("user", "Look it up " * 20), calls("a"), result("a", "found " * 20), calls("b")]
    path = chain(loop, after=talk(3))
    turn = [result("b", "more " * 20)]
    sent = compose(draft(path, turn), window(estimate_all([*loop, *turn]) + 5))
    assert sent.messages == [*loop, *turn]
    with pytest.raises(ContextTooSmall):
        compose(draft(path, turn), window(estimate_all([*loop, *turn]) - 1))


def test_words_that_go_on_with_an_unanswered_turn_keep_it() -> None:
    path = chain([said("user", "first half " * 10)], after=talk(3))
    sent = compose(draft(path), window(60))
    assert texts(sent.messages) == ["first half " * 10, "new"]


@given(st.lists(st.tuples(SIZES, SIZES), min_size=2, max_size=16), st.integers(60, 300))
def test_two_requests_on_one_path_share_their_messages_up_to_the_new_turn(
    pairs: list[tuple[int, int]], budget: int
) -> None:
    """Unless a cut lies between them, and then the later one starts later."""
    said_so_far = [
        said(role, "x" * 4 * size) for pair in pairs for role, size in zip(("user", "assistant"), pair, strict=True)
    ]
    path = chain(said_so_far)
    earlier: Context | None = None
    for end in range(0, len(path), 2):
        turn = path[end].message
        if estimate(turn) > budget:
            return
        sent = compose(draft(path[:end], [turn]), window(budget))
        if earlier and sent.left_out == earlier.left_out:
            assert sent.messages[: len(earlier.messages)] == earlier.messages
        elif earlier:
            assert sent.left_out > earlier.left_out
        earlier = sent


def test_exact_counts_stand_where_they_are_known() -> None:
    known = chain([said("user", "short"), said("assistant", "short")], tokens=[500, 500])
    assert compose(draft(known), window(600)).left_out == 2
    reworded = {known[0].id: said("user", "short"), known[1].id: said("assistant", "short")}
    assert compose(draft(known, wording=reworded), window(600)).left_out == 0


@pytest.mark.parametrize(
    ("message", "tokens"),
    [
        (said("user", ""), FRAME_TOKENS),
        (said("user", "abcde"), FRAME_TOKENS + 2),
        (said("user", "日本語です"), FRAME_TOKENS + 4),
        (said("user", "\ud83d"), FRAME_TOKENS + 1),
        (Message({"role": "user", "content": [{"type": "image_url"}] * 2}), FRAME_TOKENS + 2 * MEDIA_TOKENS),
    ],
)
def test_estimates_grow_with_bytes_and_media(message: Message, tokens: int) -> None:
    assert estimate(message) == tokens


def test_tool_calls_cost_tokens_and_an_exact_count_replaces_the_guess() -> None:
    assert estimate(calls("a")) > estimate(said("assistant", "")) + 10
    assert estimate(said("user", "x" * 400), text_tokens=7) == FRAME_TOKENS + 7
