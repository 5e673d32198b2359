"""The embedded scorer on conversations of our own."""

import time
from collections.abc import Iterator

import pytest

from proxy.domain.placement import FeedNode, Mark, Question, TreeSlice
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.routing import embedded
from proxy.routing import embedder as embedder_module
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import embedder
from proxy.routing.grove import TreeModel
from proxy.routing.limits import OutOfTime

TALKS = {
    "physics": (
        "You are a patient physics tutor.",
        ["Why does a photon have no mass but still momentum?", "Its momentum comes from its energy: p = E/c."],
    ),
    "cook": (
        "You are a cook who explains recipes.",
        ["How do I make a tomato risotto?", "Toast the rice, then add stock ladle by ladle, and the tomatoes last."],
    ),
    "calm": (
        "You are a mindfulness coach who helps people to calm down and handle stress.",
        ["Guide me through a short breathing exercise.", "Sit upright, breathe in for four counts and out for six."],
    ),
    "travel": (
        "You are a travel adviser.",
        ["Plan a weekend in Lisbon for us.", "Day one: Alfama and tram 28. Day two: the tower of Belém."],
    ),
    "code": (
        "You are a coding mentor.",
        ["My Python list comprehension is slow, any tips?", "Use a generator, or numpy for numbers."],
    ),
}


def tree(*, systems: bool = False) -> TreeModel:
    nodes = [
        FeedNode(
            NodeId(f"{name}-{at}"),
            NodeId(f"{name}-{at - 1}") if at else None,
            "assistant" if at % 2 else "user",
            said,
            0.0,
            system if systems and at % 2 == 0 else None,
        )
        for name, (system, talk) in TALKS.items()
        for at, said in enumerate(talk)
    ]
    return grown(nodes)


def grown(nodes: list[FeedNode]) -> TreeModel:
    model = TreeModel()
    model.apply(TreeSlice(Mark(0, len(nodes)), nodes, reset=False))
    return model


def asked(turn: str, cursor: str | None = "code-1", **more) -> Question:
    return Question(UserId("u"), TreeId("t"), turn, None if cursor is None else NodeId(cursor), **more)


@pytest.fixture(scope="module", params=["minilm", "static"])
def any_scorer(request: pytest.FixtureRequest) -> EmbeddedScorer:
    if request.param == "static":
        pytest.importorskip("wordllama")
    return EmbeddedScorer(embedder(request.param), Weights.shipped(request.param))


@pytest.fixture(scope="module")
def scorer() -> EmbeddedScorer:
    return EmbeddedScorer(embedder("minilm"), Weights.shipped("minilm"))


def test_a_turn_on_an_older_topic_returns_to_it_and_says_why(any_scorer: EmbeddedScorer):
    placed = any_scorer.attach(tree(), asked("How long does tram 28 take from Alfama to Belém?"))
    assert (placed.route, placed.parent_id) == ("return", "travel-1")
    assert "Plan a weekend in Lisbon" in placed.reason
    assert "Alfama" in placed.reason


def test_a_follow_up_stays_where_it_is(any_scorer: EmbeddedScorer):
    placed = any_scorer.attach(tree(), asked("And how would I do that with numpy?"))
    assert (placed.route, placed.parent_id) == ("continue", "code-1")


def test_a_scorer_whose_time_is_over_stops_at_the_next_stage(scorer: EmbeddedScorer, monkeypatch: pytest.MonkeyPatch):
    model, question = tree(), asked("And how would I do that with numpy?")
    before = scorer.attach(model, question, until=time.monotonic() + 600)
    with pytest.raises(OutOfTime):
        scorer.attach(model, question, until=time.monotonic() - 1)
    for stages in range(4):
        left = iter(range(stages))

        def check(until: float, left: Iterator[int] = left) -> None:
            if next(left, None) is None:
                raise OutOfTime

        monkeypatch.setattr(embedded, "check_time", check)
        with pytest.raises(OutOfTime):
            scorer.attach(model, question)
    monkeypatch.undo()
    assert scorer.attach(model, question) == before


def test_what_is_loaded_ahead_is_not_loaded_by_the_first_turn(monkeypatch: pytest.MonkeyPatch):
    scorer = EmbeddedScorer(embedder("minilm"), Weights.shipped("minilm"))
    scorer.load()
    monkeypatch.setattr(embedder_module, "_session", lambda _: pytest.fail("loaded by a turn"))
    assert scorer.attach(tree(), asked("And what does that mean?")).parent_id is not None


def test_a_turn_about_something_else_opens_a_topic(scorer: EmbeddedScorer):
    placed = scorer.attach(tree(), asked("Who won the football world cup in 1998?"))
    assert (placed.route, placed.parent_id) == ("root", None)
    assert placed.runner_up is not None


def test_who_speaks_in_a_branch_is_evidence(scorer: EmbeddedScorer):
    placed = scorer.attach(tree(systems=True), asked("I am stressed"))
    assert placed.parent_id == "calm-1"


def test_another_personality_is_a_wall(scorer: EmbeddedScorer):
    placed = scorer.attach(tree(), asked("How long does tram 28 take from Alfama?", personality="pirate"))
    assert placed.route != "return"


def test_a_fresh_chat_at_the_root_joins_nothing(scorer: EmbeddedScorer):
    placed = scorer.attach(tree(), asked("How long does tram 28 take from Alfama?", fresh="root"))
    assert (placed.route, placed.parent_id) == ("root", None)


TASK = "Translate this text to French. Output the translation only.\n\nTram 28 goes from Alfama to the tower of Belém."


def test_a_new_chat_that_might_join_tells_why_it_does_not_and_its_chance(scorer: EmbeddedScorer):
    question = "How do I make the rice creamier?"
    joined = scorer.attach(tree(), asked(question, fresh="auto"))
    assert joined.parent_id == "cook-1"
    assert joined.confidence < embedded.CONFIDENT
    placed = scorer.attach(tree(), asked(question, fresh="confident"))
    root, *others = placed.candidates
    assert (placed.parent_id, placed.route) == (None, "root")
    assert placed.confidence == root.score == next(one.score for one in joined.candidates if one.parent_id is None)
    assert placed.reason == root.reason
    assert placed.reason.startswith("a new chat starts at the root: not sure enough that it returns to 'How do I make")
    assert [one.parent_id for one in others].count(None) == 0


def test_a_task_that_brings_its_text_joins_nothing_when_it_comes_alone(scorer: EmbeddedScorer):
    assert scorer.attach(tree(), asked(TASK, "travel-1", fresh="auto")).parent_id is None


def test_a_task_that_brings_its_text_may_follow_in_a_chat(scorer: EmbeddedScorer):
    assert scorer.attach(tree(), asked(TASK, "travel-1")).parent_id == "travel-1"


def test_an_empty_tree_starts_at_the_root(scorer: EmbeddedScorer):
    assert scorer.attach(grown([]), asked("Hello", None)).parent_id is None


def test_a_tree_of_a_system_message_opens_under_it(scorer: EmbeddedScorer):
    model = grown([FeedNode(NodeId("s"), None, "system", "You are a pirate.", 0.0)])
    assert scorer.attach(model, asked("Hello", None)).parent_id == "s"


def test_an_unknown_cursor_keeps_the_turn(scorer: EmbeddedScorer):
    placed = scorer.attach(tree(), asked("and then?", "nowhere"))
    assert placed.parent_id == "nowhere"
    assert placed.unsure


def test_the_same_question_has_the_same_answer(scorer: EmbeddedScorer):
    model, question = tree(), asked("Which rice is best for it?")
    assert scorer.attach(model, question) == scorer.attach(model, question)


def test_what_is_added_later_is_found(scorer: EmbeddedScorer):
    model = tree()
    scorer.attach(model, asked("thanks"))
    news = [
        FeedNode(NodeId("cat-0"), None, "user", "My cat refuses her new food.", 0.0),
        FeedNode(NodeId("cat-1"), NodeId("cat-0"), "assistant", "Mix a little of it into the old food.", 0.0),
    ]
    model.apply(TreeSlice(Mark(0, 12), news, reset=False))
    assert scorer.attach(model, asked("How much of the new food should the cat get?")).parent_id == "cat-1"


def test_a_shortlist_keeps_the_cursors_branch(scorer: EmbeddedScorer):
    points = [NodeId(f"{name}-1") for name in TALKS]
    kept = scorer.shortlist(tree(), asked("How long does tram 28 take from Alfama?", "cook-1"), points, 2)
    assert kept == ["travel-1", "cook-1"]


def test_half_a_character_of_an_imported_message_stops_nothing(any_scorer: EmbeddedScorer):
    pairs = [
        FeedNode(NodeId("cut-0"), None, "user", "An emoji cut in two: \ud83d", 0.0),
        FeedNode(NodeId("cut-1"), NodeId("cut-0"), "assistant", "\ude00 came alone.", 1.0),
        FeedNode(NodeId("tram-0"), None, "user", "How long does tram 28 take from Alfama to Belém?", 2.0),
        FeedNode(NodeId("tram-1"), NodeId("tram-0"), "assistant", "About forty minutes.", 3.0),
    ]
    placed = any_scorer.attach(grown(pairs), asked("Is tram 28 to Alfama crowded?", "tram-1"))
    assert placed.parent_id == "tram-1"


def test_a_word_that_turns_ask_with_is_no_reason(scorer: EmbeddedScorer):
    nodes = [
        FeedNode(NodeId("a"), None, "user", "Show me how rye dough is kneaded.", 0.0),
        FeedNode(NodeId("b"), NodeId("a"), "assistant", "Fold it gently for ten minutes.", 0.0),
        FeedNode(NodeId("c"), NodeId("b"), "user", "And how long does it prove?", 0.0),
        FeedNode(NodeId("d"), NodeId("c"), "assistant", "About two hours.", 0.0),
    ]
    found = scorer.attach(grown(nodes), asked("Can you show me the rye version?", cursor="d"))
    reasons = [candidate.reason for candidate in found.candidates]
    assert any("rye" in reason for reason in reasons)
    assert not any("show" in reason.split(": ", 1)[-1] for reason in reasons)


def test_a_turn_that_names_what_it_goes_back_to_opens_no_topic(scorer: EmbeddedScorer):
    talks = [
        "My sourdough starter smells of nail polish remover. Is it dead?",
        "You said three things so far.",
        "How often should I feed it if it stands on the kitchen counter?",
        "You said five things so far.",
    ]
    others = ["My asyncio program hangs when one of the tasks raises an exception.", "You said one thing so far."]
    nodes = [
        FeedNode(
            NodeId(f"{name}{at}"),
            NodeId(f"{name}{at - 1}") if at else None,
            "assistant" if at % 2 else "user",
            said,
            0.0,
        )
        for name, messages in (("dough", talks), ("code", others))
        for at, said in enumerate(messages)
    ]
    question = "my loaf comes out flat. Did I proof the dough for too long?"
    assert scorer.attach(grown(nodes), asked(question.capitalize(), "code1")).route == "root"
    found = scorer.attach(grown(nodes), asked(f"Back to the sourdough: {question}", "code1"))
    assert (found.route, found.parent_id) == ("return", "dough3")
