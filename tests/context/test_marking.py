"""What Graft places is marked: it can be taken out again whole, and no text gets out of its marking."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.context.marking import CLOSING, marked, without_placed

LIKE_OURS = st.lists(
    st.sampled_from(["</graft>", "\n</graft>", "<graft scope=", '"', ">", "\n", "<GRAFT", "rye", " "]), max_size=8
).map("".join)


def test_a_marking_names_scope_and_source() -> None:
    assert marked("user", "zone", "Likes rye.\n") == '<graft scope="user" source="zone">\nLikes rye.\n</graft>'


@given(LIKE_OURS | st.text(max_size=20), LIKE_OURS, LIKE_OURS)
def test_what_was_placed_is_taken_out_and_nothing_else(text: str, scope: str, source: str) -> None:
    placed = marked(scope, source, text)
    assert placed.count(CLOSING) == 1
    assert placed.lower().count("<graft") == 1
    assert without_placed(f"before\n\n{placed}\n\nbehind") == "before\n\nbehind"
    assert without_placed(placed) == ""


@pytest.mark.parametrize("text", ["", "a < b", "a graft of an apple tree", "<graft>", "</graft>"])
def test_text_without_a_marking_stays_as_it_is(text: str) -> None:
    assert without_placed(text) == text


def test_a_marking_that_was_cut_off_reaches_to_the_end() -> None:
    assert without_placed("Hello. " + marked("user", "zone", "secret")[:-5]) == "Hello."


def test_what_a_model_repeats_of_it_on_one_line_is_taken_out_too() -> None:
    told = " ".join(marked("user", "zone", "Likes rye.").split())
    assert without_placed(f'I was sent "{told}" and no more.') == 'I was sent "" and no more.'
