"""Loops of coding agents: calls and results are one turn of the tree, stay together, and cost the same in every round."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest

from proxy.chat.history.loops import is_result
from proxy.domain import fingerprint
from proxy.domain.fingerprint import fold_text
from proxy.domain.message import said
from proxy.domain.placement import Policy
from proxy.domain.tree import NodeId, turns
from proxy.store import connection
from tests.chat.listening import POLICIES, Listening
from tests.chat.road import ANN, LONG, Json, Road, Talker, Told, calling, system, tool, user

pytestmark = pytest.mark.anyio
both = pytest.mark.parametrize("policy", POLICIES)
TOOLS = {"tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}]}


class Agent:
    """A coding agent that sends its whole history in every round."""

    def __init__(self, road: Road, policy: Policy) -> None:
        self.road = road
        self.listening = Listening(road, policy, stream=False, options=TOOLS)
        self.history: list[Json] = [system("You are a coding agent.")]
        self.calls = 0

    async def ask(self) -> Told:
        told = await self.listening.ask(*self.history)
        self.history.append(told.message)
        return told

    async def round(self, parallel: int = 2, *, answer: str | None = None, shuffled: bool = False) -> Told:
        """Run the calls of the reply before, and get the next calls, or the answer."""
        results = [tool(call["id"], f"Result of {call['id']}: {LONG}") for call in self.history[-1]["tool_calls"]]
        if shuffled:
            random.Random(self.calls).shuffle(results)
        self.history += results
        return await self.next(parallel, answer)

    async def next(self, parallel: int = 2, answer: str | None = None) -> Told:
        names = [f"call_{self.calls + n}" for n in range(parallel)]
        self.calls += parallel
        self.road.upstream.answers = [answer if answer is not None else calling(*names)]
        return await self.ask()

    async def begin(self, text: str, parallel: int = 2) -> Told:
        self.history.append(user(text))
        return await self.next(parallel)


@both
@pytest.mark.parametrize("shuffled", [False, True])
async def test_a_whole_loop_is_one_turn_and_nothing_in_it_is_placed(road: Road, policy: Policy, shuffled: bool) -> None:
    agent = Agent(road, policy)
    last = await agent.begin("Mend the tests")
    road.router.to = [None] * 10  # where a router would tear it to
    for number in range(5):
        told = await agent.round(answer="Mended." if number == 4 else None, shuffled=shuffled)
        nodes = {node.id: node for node in await road.nodes()}
        path = await road.store.path(ANN.user_id, NodeId(told.node))
        assert told.parent == last.node
        assert [node.message.wire for node in path] == agent.history[1:]
        assert len(nodes) == len(path)
        assert len(turns(path)) == 1
        last = told
    assert len(road.router.questions) == (1 if policy == "auto" else 0)
    assert road.upstream.sent == agent.history[:-1]


@both
async def test_the_turn_after_a_loop_is_placed_again(road: Road, policy: Policy) -> None:
    agent = Agent(road, policy)
    await agent.begin("Mend the tests")
    done = await agent.round(answer="Mended.")
    agent.history.append(user("Now write a letter"))
    asked = len(road.router.questions)
    told = await agent.next(answer="Dear Sir")
    assert told.parent == done.node
    assert len(road.router.questions) == asked + (policy == "auto")


async def test_a_frontend_that_sends_tools_with_every_turn_is_placed(road: Road) -> None:
    bread = await road.ask(user("Bread?"), options=TOOLS)
    trains = await road.ask(user("Trains?"), options=TOOLS, parent="root")
    road.router.to = [bread.node]
    told = await road.ask(user("Trains?"), trains.message, user("Back to the bread"), options=TOOLS)
    assert (told.parent, told.route) == (bread.node, "return")


async def test_pairs_stay_whole_where_a_loop_is_cut_to_the_window(road: Road) -> None:
    agent = Agent(road, "auto")
    road.upstream.window = 1_500
    await agent.begin("Mend the tests")
    for _ in range(20):
        await agent.round(answer="Mended.")
        agent.history.append(user("And the next ones"))
        await agent.next()
    calls = [call["id"] for one in road.upstream.sent for call in one.get("tool_calls") or ()]
    results = [one["tool_call_id"] for one in road.upstream.sent if one["role"] == "tool"]
    assert calls == results
    assert len(road.upstream.sent) < len(agent.history) - 1


async def test_thirty_rounds_of_parallel_calls_cost_the_same_each(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements and hashed messages of a round do not grow with the rounds before it."""
    hashed: list[str] = []
    folding = fold_text
    monkeypatch.setattr(fingerprint, "fold_text", lambda text: hashed.append(text) or folding(text))
    agent = Agent(road, "auto")
    await agent.begin("Mend the tests", parallel=3)
    costs: list[tuple[int, int]] = []
    for _ in range(30):
        hashed.clear()
        async with statements(road) as ran:
            told = await told_of(agent)
            await road.settle()
        costs.append((len(ran), len(hashed)))
        assert told.parent is not None
    counts, hashes = zip(*costs, strict=True)
    assert max(counts) <= counts[0]
    assert max(hashes) <= hashes[1]
    assert len(await road.nodes()) == 1 + 1 + 30 * 4


@asynccontextmanager
async def statements(road: Road) -> AsyncGenerator[list[str], None]:
    """What is asked of the database meanwhile, in one thread or another."""
    ran: list[str] = []
    with_trace = road.store._connections

    async def trace(to: Callable[[str], None] | None) -> None:
        for one in with_trace:
            await connection.whole(one, lambda db: db.set_trace_callback(to))

    await trace(ran.append)
    yield ran
    await trace(None)


async def told_of(agent: Agent) -> Told:
    """A round without the checks of `Listening`."""
    agent.history += [tool(call["id"]) for call in agent.history[-1]["tool_calls"]]
    agent.calls += 3
    agent.road.upstream.answers = [calling(*(f"call_{agent.calls + n}" for n in range(3)))]
    told = await agent.road.ask(*agent.history, stream=False, options=TOOLS)
    agent.history.append(told.message)
    return told


# Tools that live in the text


RESULTS = [
    ("<read_file>\n<path>a.py</path>\n</read_file>", "[read_file for 'a.py'] Result:\nx = 1"),
    ("I look.\n<list_files>\n</list_files>", "[list_files] Result:\n\na.py"),
    ('<tool_call>\n{"name": "look"}\n</tool_call>', "<tool_response>\nrain\n</tool_response>"),
    ("<function=execute_bash>ls</function>", "EXECUTION RESULT of [execute_bash]:\na.py"),
    ("Thought: I must look.\nAction: search[boats]", "Observation: they float"),
]


@pytest.mark.parametrize(("call", "result"), RESULTS)
async def test_results_in_the_text_go_on_with_their_loop(road: Road, call: str, result: str) -> None:
    agent = Talker(road)
    road.upstream.answers = [call, call, "Done."]
    last = await agent.say("Mend the tests")
    road.router.to = [None] * 5
    for _ in range(2):
        told = await agent.say(result)
        assert (told.parent, told.route) == (last.node, "continue")
        last = told
    assert len(road.router.questions) == 1
    await agent.say("Thank you; now write a letter")
    assert len(road.router.questions) == 2


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ("Boats float.", "Observation: bread does not"),
        ("Boats float.", "[read_file for 'a.py'] Result:\nx = 1"),
        ("<write_file>a</write_file>", "[read_file for 'a.py'] Result:\nx = 1"),
        ("<tool_call>x</tool_call>", "What is a <tool_response>?"),
    ],
)
def test_one_sign_alone_is_a_users_own_words(reply: str, text: str) -> None:
    assert not is_result(said("user", text), said("assistant", reply))


@both
async def test_results_in_system_messages_go_on_from_the_reply_that_called(road: Road, policy: Policy) -> None:
    """gptme runs code blocks and tells their output in a system message behind the reply."""
    listening = Listening(road, policy)
    road.upstream.answers = ["```ipython\n1 + 1\n```", "It is two."]
    first = await listening.ask(system("You run code."), user("Add one and one"))
    history = [system("You run code."), user("Add one and one"), first.message, system("Executed: 2")]
    told = await listening.ask(*history)
    assert [one["role"] for one in road.upstream.sent] == ["system", "user", "assistant", "system"]
    nodes = await road.nodes()
    assert [node.message.text for node in nodes] == ["Add one and one", "```ipython\n1 + 1\n```", "It is two."]
    assert nodes[2].parent_id == nodes[1].id
    onward = await listening.ask(*history, told.message, user("Thanks"))
    assert onward.parent == told.node
    assert "Executed: 2" in road.upstream.texts
