from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.tree import NodeId
from proxy.routing.windows import View, clip, on_one_path, personality_at
from tests.doubles.scenery import Planting


def view(planting, *, personality=None, cursor=None, window=4, tokens=120):
    return View(planting.model(), personality=personality, cursor=cursor, window=window, tokens=tokens)


def texts(window):
    return [line.text for line in window.lines]


def test_a_root_window_holds_the_first_four_messages_and_a_tip_window_the_last():
    planting = Planting()
    tip = planting.talk("bread", pairs=5)
    seen = view(planting)
    assert seen.roots == ["bread-2a"]
    assert seen.ends == [tip]
    assert texts(seen.root_window(seen.roots[0], tip)) == [
        "bread question 1",
        "bread reply 1",
        "bread question 2",
        "bread reply 2",
    ]
    assert texts(seen.tip_window(tip)) == ["bread question 4", "bread reply 4", "bread question 5", "bread reply 5"]


def test_branches_that_share_their_first_messages_are_one_root_window():
    planting = Planting()
    trunk = planting.talk("bread", pairs=2)
    planting.talk("rye", pairs=1, under=trunk)
    planting.talk("wheat", pairs=3, under=trunk)
    seen = view(planting)
    assert seen.roots == [trunk]
    assert seen.ends == ["rye-1a", "wheat-3a"]


def test_branches_that_part_within_the_window_have_a_root_window_each():
    planting = Planting()
    trunk = planting.talk("bread", pairs=1)
    planting.talk("rye", pairs=2, under=trunk)
    planting.talk("wheat", pairs=2, under=trunk)
    assert view(planting).roots == ["rye-1a", "wheat-1a"]


def test_a_shorter_branch_takes_part_with_what_it_has():
    planting = Planting()
    tip = planting.talk("bread", pairs=1)
    seen = view(planting)
    assert seen.roots == seen.ends == [tip]
    assert texts(seen.root_window(tip, tip)) == texts(seen.tip_window(tip)) == ["bread question 1", "bread reply 1"]


def test_branches_of_branches_have_tip_windows_that_reach_up_into_their_trunk():
    planting = Planting()
    trunk = planting.talk("bread", pairs=3)
    fork = planting.talk("rye", pairs=1, under=trunk)
    deeper = planting.talk("yeast", pairs=1, under="rye-1u")
    seen = view(planting)
    assert seen.ends == [fork, deeper]
    assert texts(seen.tip_window(deeper)) == ["bread reply 3", "rye question 1", "yeast question 1", "yeast reply 1"]


def test_the_size_of_a_window_can_be_changed():
    planting = Planting()
    tip = planting.talk("bread", pairs=4)
    seen = view(planting, window=6)
    assert seen.roots == ["bread-3a"]
    assert len(seen.tip_window(tip).lines) == 6


def test_system_messages_stand_beside_the_window_and_do_not_count():
    planting = Planting()
    system = planting.add("s", None, "system", "You are a physics tutor.")
    tip = planting.talk("light", pairs=2, under=system)
    window = view(planting).root_window(tip, tip)
    assert len(window.lines) == 4
    assert window.system == "You are a physics tutor."


def test_a_branch_shows_the_system_text_nearest_to_its_end():
    planting = Planting()
    planting.system_prompt = "Be brief."
    plain = planting.talk("bread")
    trunk = planting.talk("light", system="You teach physics.")
    fork = planting.talk("trip", under=trunk, system="You plan travels.")
    seen = view(planting)
    assert [seen.tip_window(end).system for end in (plain, trunk, fork)] == [
        "Be brief.",
        "You teach physics.",
        "You plan travels.",
    ]


def test_a_branch_that_holds_a_system_message_only_takes_part_with_that():
    planting = Planting()
    planting.talk("bread")
    tutor = planting.add("tutor", None, "system", "You are a physics tutor.")
    seen = view(planting)
    assert tutor in seen.ends
    assert tutor in seen.roots
    assert seen.tip_window(tutor).lines == ()
    assert seen.tip_window(tutor).system == "You are a physics tutor."


def test_a_tree_of_system_messages_is_silent():
    planting = Planting()
    planting.add("s", None, "system", "You are a physics tutor.")
    assert view(planting).is_silent


def test_tool_calls_and_their_results_are_no_messages_of_a_window():
    planting = Planting()
    planting.add("u", None, "user", "Will it rain?")
    planting.add("call", "u", "assistant", "")
    planting.add("result", "call", "tool", '{"rain": true}')
    tip = planting.add("a", "result", "assistant", "It will.")
    assert texts(view(planting).tip_window(tip)) == ["Will it rain?", "It will."]


def test_an_image_without_words_is_a_message():
    planting = Planting()
    planting.add("u", None, "user", "")
    tip = planting.add("a", "u", "assistant", "A cat.")
    assert texts(view(planting).tip_window(tip)) == ["(no text)", "A cat."]


def test_what_was_said_under_another_personality_is_behind_a_wall():
    planting = Planting()
    planting.talk("bread")
    planting.talk("light", personality="tutor")
    planting.talk("trip", personality="guide")
    assert view(planting).ends == ["bread-1a"]
    assert view(planting, personality="tutor").ends == ["light-1a"]
    assert view(planting, personality="cook").is_silent


def test_what_hangs_below_a_wall_is_behind_it_and_its_trunk_ends_before_it():
    planting = Planting()
    trunk = planting.talk("bread")
    walled = planting.talk("light", under=trunk, personality="tutor")
    planting.talk("rye", under=walled)
    seen = view(planting)
    assert seen.ends == [trunk]
    assert seen.end_under(trunk) == trunk


def test_a_node_without_a_personality_has_that_of_the_node_above_it():
    planting = Planting()
    tutored = planting.talk("light", personality="tutor")
    tip = planting.talk("waves", under=tutored)
    assert view(planting, personality="tutor").ends == [tip]
    assert personality_at(planting.model(), tip) == "tutor"
    assert personality_at(planting.model(), None) is None


def test_what_was_said_before_a_chat_took_on_its_personality_is_shown_but_no_place_for_a_turn():
    planting = Planting()
    trunk = planting.talk("bread", pairs=2)
    tip = planting.talk("light", under=trunk, personality="tutor")
    planting.talk("trip", under=trunk, personality="guide")
    seen = view(planting, personality="tutor", cursor=trunk)
    assert seen.ends == [tip]
    assert trunk not in seen
    assert seen.cursor is None
    assert texts(seen.tip_window(tip))[:2] == ["bread question 2", "bread reply 2"]


def test_a_cursor_above_its_tip_ends_a_branch_of_its_own():
    planting = Planting()
    planting.talk("bread", pairs=3)
    seen = view(planting, cursor="bread-2a")
    assert seen.ends == ["bread-3a", "bread-2a"]
    assert [seen.tip_window(end).active for end in seen.ends] == [False, True]


def test_the_windows_of_the_cursors_branch_are_active():
    planting = Planting()
    planting.talk("bread", pairs=3)
    planting.talk("light", pairs=3)
    seen = view(planting, cursor="light-3a")
    assert [seen.root_window(point, point).active for point in seen.roots] == [False, True]
    assert [seen.tip_window(end).active for end in seen.ends] == [False, True]


def test_an_unknown_cursor_is_nowhere():
    planting = Planting()
    planting.talk("bread")
    assert view(planting, cursor="elsewhere").cursor is None


def test_two_windows_are_on_one_path_when_one_stands_above_the_other():
    planting = Planting()
    trunk = planting.talk("bread", pairs=2)
    rye, wheat = planting.talk("rye", under=trunk), planting.talk("wheat", under=trunk)
    seen = view(planting)
    root = seen.root_window(trunk, rye)
    assert on_one_path(root, seen.tip_window(wheat))
    assert on_one_path(seen.tip_window(rye), root)
    assert not on_one_path(seen.tip_window(rye), seen.tip_window(wheat))


def test_a_long_message_keeps_its_head_and_its_tail_on_one_line():
    text = "start of it\n" + "word " * 100_000 + "\nand the question at the end?"
    clipped = clip(text, 50)
    assert len(clipped) <= 200 + len(" [...] ")
    assert clipped.startswith("start of it word")
    assert clipped.endswith("the question at the end?")
    assert "\n" not in clipped


@given(st.text(max_size=200), st.integers(1, 20))
def test_a_clipped_text_is_bounded_and_short_texts_lose_white_space_only(text, tokens):
    clipped = clip(text, tokens)
    assert len(clipped) <= tokens * 4 + len(" [...] ")
    if len(text) <= tokens * 4:
        assert clipped == " ".join(text.split())


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(1, 6))
def test_every_branch_of_any_tree_has_one_root_window_and_one_tip_window(parents, window):
    planting = Planting()
    for number, above in enumerate(parents):
        parent = f"n{above % number}" if number and above % 5 else None
        planting.add(f"n{number}", parent, "user" if number % 2 else "assistant", f"text {number}")
    seen = view(planting, window=window)
    assert seen.ends == planting.model().tips()
    for end in seen.ends:
        start = seen.root_of(end)
        assert start in seen.roots
        path = [node.id for node in seen.path(end)]
        assert len(seen.root_window(start, end).lines) == min(window, path.index(start) + 1)
        assert len(seen.tip_window(end).lines) == min(window, len(path))
        assert seen.tip_window(end).point == NodeId(path[-1])
