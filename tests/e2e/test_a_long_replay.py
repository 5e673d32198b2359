"""Real conversations, interleaved, from a client that re-sends its whole linear history every time; a restart in the middle."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import Linear, serving

BENCH = Path(__file__).parents[3] / "shared" / "routing-bench"
TURNS = 64


def exchanges(stream_file: Path, count: int) -> list[tuple[str, str, str]]:
    """The first turns of a stream: the topic they belong to, what the user says, and the recorded reply."""
    rows = [json.loads(line) for line in stream_file.read_text(encoding="utf-8").splitlines()]
    topic: dict[str, str] = {}
    for row in rows:
        topic[row["id"]] = topic.get(row["parent"], row["id"])
    pairs = [(q, a) for q, a in itertools.pairwise(rows) if q["role"] == "user" and a["parent"] == q["id"]]
    return [(topic[q["id"]], q["content"], a["content"]) for q, a in pairs[:count]]


@pytest.mark.benchmark_data
@pytest.mark.skipif(not BENCH.is_dir(), reason="the routing benchmark is not beside the repository")
def test_sixty_turns_over_many_topics_are_each_stored_once_under_their_question(
    tmp_path: Path, upstream: UpstreamDouble
) -> None:
    played = exchanges(BENCH / "streams" / "m064-00.jsonl", TURNS)
    assert len(played) == TURNS
    assert len({topic for topic, _, _ in played}) >= 8
    with serving(tmp_path, upstream) as graft:
        key, user = graft.key()
        chat = Linear(graft.client(key))
        told = []
        for number, (_, question, answer) in enumerate(played):
            if number == TURNS // 2:
                graft.stop()
                graft.start()
                chat.client = graft.client(key)
            upstream.say(answer)
            assert chat.say(question, stream=number % 3 != 0) == answer
            told.append(chat.told)
        nodes = graft.nodes(user)
        by_id = {node.id: node for node in nodes}
        assert [n.message.text for n in nodes if n.message.role == "user"] == [question for _, question, _ in played]
        assert len(nodes) == 2 * TURNS
        for header, (_, question, answer) in zip(told, played, strict=True):
            reply = by_id[header["x-graft-node"]]
            turn = by_id[reply.parent_id]
            assert (turn.message.text, reply.message.text) == (question, answer)
            assert (turn.parent_id or "root") == header["x-graft-parent"]
        assert graft.violations() == []
        sent = sum(int(header["x-graft-context-tokens"]) for header in told)
        saved = sum(int(header["x-graft-saved-tokens"]) for header in told)
        assert saved > sent
