"""What a question costs does not grow with what is stored: no table is scanned, and no more steps are taken."""

from functools import partial

import pytest

from proxy.domain.artefact import Brought
from proxy.domain.memory import Origin, Told
from proxy.domain.message import said
from proxy.domain.picture import decoded
from proxy.domain.summary import Cut, Summary
from proxy.domain.tree import NodeId, TreeId, UserId
from proxy.store import SqliteStore, connection, reading
from proxy.store.shelf import loads
from proxy.store.standing import FEW
from proxy.store.standing import standing as standing_of
from proxy.store.turns import client_ids, recognising, retracing, writing
from tests.doubles.pictures import PNG
from tests.store.client import LONG, Client
from tests.transfer import growing

pytestmark = pytest.mark.anyio

TABLES = (
    "nodes",
    "edges",
    "transcripts",
    "systems",
    "calls",
    "decisions",
    "artefacts",
    "artefact_versions",
    "blobs",
    "memories",
    "memory_nodes",
    "loads",
)


def recognise_values(client: Client) -> dict:
    return recognising._asked(client.user.id, client.links(), client.tree.id, "chat")


def plan(db, sql: str, values) -> list[str]:
    return [detail for *_, detail in db.execute(f"EXPLAIN QUERY PLAN {sql}", values)]


async def test_no_question_scans_a_table(client: Client):
    await client.say("Boats?", LONG)
    questions = {
        "recognise": (recognising.RECOGNISE, recognise_values(client)),
        "path": (reading.PATH, {"user": "ada", "node": "n", "most": 9}),
        "slice": (reading.SLICE, ("t", 0, 10)),
    }
    for name, (sql, values) in questions.items():
        steps = await client.store._read(lambda db, sql=sql, values=values: plan(db, sql, values))
        scanned = [step for step in steps if step.startswith("SCAN") and scans_a_table(step)]
        assert not scanned, (name, scanned)
        assert any("SEARCH" in step for step in steps)


async def test_what_was_said_behind_a_message_and_calls_left_open_are_found_by_an_index_of_their_own(client: Client):
    await client.say("Boats?", LONG)
    questions = {
        "said behind": (retracing.ANY_NEXT, ("ada", "c"), "transcripts_prev"),
        "said behind last time": (retracing.NEXT, ("ada", "c", None, None), "transcripts_prev"),
        "said behind by ids": (client_ids.NEXT, {"user": "ada", "chain": "c", "chat": "chat"}, "transcripts_prev"),
        "said behind as searched": (recognising.RECOGNISE, recognise_values(client), "transcripts_prev"),
        "left open": (writing.LEFT_OPEN, {"place": 1}, "calls_status"),
    }
    for name, (sql, values, index) in questions.items():
        steps = await client.store._read(lambda db, sql=sql, values=values: plan(db, sql, values))
        assert any(index in step for step in steps), (name, steps)


def scans_a_table(step: str) -> bool:
    """`SCAN` names an alias; those of stored tables are short for them, and common table expressions have names of their own.

    A list of values that is handed in as JSON is a virtual table, as long as the path that it tells.
    """
    if "VIRTUAL TABLE" in step:
        return False
    return step.split()[1] in {*TABLES, "n", "e", "t", "s", "p", "r", "c", "d", "a", "v", "b", "l", "m"}


async def test_slices_come_in_the_order_of_an_index(client: Client):
    steps = await client.store._read(lambda db: plan(db, reading.SLICE, ("t", 0, 10)))
    assert not [step for step in steps if "TEMP B-TREE" in step]
    assert any("nodes_visible" in step for step in steps)


async def steps_of(client: Client, question) -> int:
    """Virtual machine steps, in tens, that a question takes."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    reading_connection = client.store._connections[1]
    await connection.whole(reading_connection, lambda db: db.set_progress_handler(step, 10))
    await question()
    await connection.whole(reading_connection, lambda db: db.set_progress_handler(None, 10))
    return taken


@pytest.mark.parametrize("turns", [3, 60])
async def test_a_history_of_any_length_is_recognised_in_two_statements(client: Client, turns: int):
    for i in range(turns):
        await client.say(f"Question {i}", f"Answer {i}. {LONG}")
    new = said("user", "And now?")
    reworded = [said("user", f"{one.text} <rules/>") if one.role == "user" else one for one in client.said]
    for history in (client.said, reworded, client.said[3:], [said("user", "strange"), said("assistant", "news")]):
        asked = (client.user.id, client.links([*history, new]), None, None)
        ran = await client.store._read(partial(statements, asked=asked))
        assert len(ran) == 2


def statements(db, asked) -> list[str]:
    ran: list[str] = []
    db.set_trace_callback(ran.append)
    recognising.recognise(db, *asked)
    db.set_trace_callback(None)
    return [sql for sql in ran if not sql.startswith("--")]


async def test_questions_take_no_more_steps_in_a_large_tree(client: Client):
    for i in range(10):
        await client.say(f"Question {i}", f"Answer {i}. {LONG}")
    mark = (await client.store.slice(client.user.id, client.tree.id, None)).mark

    async def known():
        assert (await client.recognise(*client.said, said("user", "New"))).anchor == 19

    async def cut():
        assert (await client.recognise(*client.said[5:], said("user", "New"))).found_by == "tail"

    async def unknown():
        strange = [said("user" if i % 2 else "assistant", f"strange {i}") for i in range(20)]
        assert (await client.recognise(*strange)).anchor == -1

    async def path():
        assert len(await client.store.path(client.user.id, client.nodes[19])) == 20

    async def news():
        await client.store.slice(client.user.id, client.tree.id, mark)

    questions = [known, cut, unknown, path]
    small = [await steps_of(client, question) for question in questions]
    for chat in range(20):
        other = await client.another(f"chat {chat}")
        await other.adopt(
            *(said("assistant" if i % 2 else "user", f"message {i} of chat {chat}. {LONG}") for i in range(100)),
            under=client.nodes[19] if chat % 2 else None,
        )
    large = [await steps_of(client, question) for question in questions]
    for question, before, after in zip(questions, small, large, strict=True):
        assert after <= before * 1.1 + 2, question.__name__
    assert await steps_of(client, news) > 100


async def test_a_turn_and_its_reply_are_stored_in_few_statements_and_each_finds_its_rows_by_an_index(client: Client):
    top = await client.say("Boats?", LONG, system="You know canals.")
    call_id, turn_id = await client.ask("Bread?", system="You know canals.")
    ran: list[str] = []
    writing_connection = client.store._connections[0]
    await connection.whole(writing_connection, lambda db: db.set_trace_callback(ran.append))
    await client.answered(call_id, turn_id, LONG)
    closed = len(ran)
    await client.ask("And locks?", system="You know canals.", under=top[1])
    await connection.whole(writing_connection, lambda db: db.set_trace_callback(None))
    of_keys = ("storage_keys", "marked_with")  # only where values are sealed
    counts = [sum(not any(word in sql for word in of_keys) for sql in part) for part in (ran[:closed], ran[closed:])]
    assert counts == [11, 9]
    for sql in ran:
        for step in await client.store._read(lambda db, sql=sql: plan(db, sql, ())):
            assert not (step.startswith("SCAN") and scans_a_table(step)), (step, sql)


async def prune(store, user, tree, turn, reply):
    """Cut a path, tell it in short, and ask what was sent."""
    assert await store.newest(user, tree) is not None
    await store.sent(user, (await store.call_behind(user, reply)).id)
    await store.numbered(user, [1, 2])
    await store.keep_cut(user, tree, Cut(reply, turn, 100))
    told = Summary("s1", tree, reply, None, "auto", "Boats.", 3, "m", 1.0)
    assert await store.add_summary(user, told, [one.id for one in await store.path(user, reply)])
    await store.use_summary(user, "s1", used=True)
    await store.summaries(user, reply)
    assert (await store.shortened(user, tree, [turn, reply])).summaries == (told,)


async def test_no_statement_of_any_question_or_change_scans_a_table(client: Client, url: str):
    """Whatever the store asks for is traced, and its plan looked at: what a user has stored is found by an index."""
    store, user, tree = client.store, client.user.id, client.tree.id
    turn, reply = await client.say("Boats?", LONG)
    other, _ = await (await client.another("two")).say("Bread?", LONG, under=None)
    gone, _ = await (await client.another("three")).say("Delete me", LONG, under=None)
    async with store.snapshot(user, tree) as copy:
        kept = await growing.written(copy)
    asked: list[str] = []
    for held in set(store._connections):
        await connection.whole(held, lambda db: db.set_trace_callback(asked.append))
    await store.structure_page(user, tree, turn, 10)
    await store.children_page(user, tree, None, turn, 10)
    await store.subtree_page(user, turn, reply, 10)
    await store.tree_page(user, tree, 10)
    await store.search(user, "boats", tree, None, 10)
    await store.search_titles(user, "main")
    await store.annotate(user, turn, {"labels": ["good"]}, {"a": 1})
    await store.point(user, "key", None, reply)
    await store.placed(user, turn)
    await store.move(user, turn, other, "move")
    await store.moves(user, turn)
    await store.call_behind(user, reply)
    await store.call_behind(user, turn)
    await store.answered_by(user, turn)
    await store.strands(user, reply)
    await store.before(user, reply)
    await store.shadows(user, tree, None, 10)
    await store.path_lengths(user, [reply])
    await store.keep_vectors(user, "minilm-1", {reply: b"\x01", gone: b"\x02"}, [turn])
    await store.vectors(user, "minilm-1", [reply, gone])
    await shelved(store, user, tree, turn, gone)
    await scoped(client, turn, reply)
    exacts = client.exacts([await store.node(user, gone)])
    await store.delete(user, gone)
    await store.deleted(user, exacts, client.links()[:1], "", within=False)
    await prune(store, user, tree, turn, reply)
    await store.earlier(user, request_hash="h", idempotency_key=None)
    await store.earlier(user, request_hash="h", idempotency_key="k")
    for number, name in enumerate(("again", "again", "main")):
        await growing.brought(store, kept, "ada", name, keeps_ids=bool(number))
    await growing.brought(store, '[{"role": "user", "content": "And weirs?"}]', "ada", None, parent=reply)
    async with store.snapshot(user, tree) as copy:
        await growing.written(copy)
    await store.delete_tree(user, (await store.tree(user, "again")).id)
    for held in set(store._connections):
        await connection.whole(held, lambda db: db.set_trace_callback(None))
    questions = {sql for sql in asked if sql.lstrip().split()[0] in ("SELECT", "WITH", "UPDATE", "DELETE")}
    assert len(questions) > 60
    for sql in questions:
        for step in await store._read(lambda db, sql=sql: plan(db, sql, ())):
            assert not (step.startswith("SCAN") and scans_a_table(step)), (step, sql)


async def shelved(store: SqliteStore, user: UserId, tree: TreeId, turn: NodeId, gone: NodeId) -> None:
    """Everything that is done with artefacts and memories."""
    plan = (await store.add_artefact(user, tree, "Plan", "text", ["a"], [Brought("One."), Brought("Two.")])).id
    await store.update_artefact(user, plan, "Three.")
    await store.revert_artefact(user, plan, 1)
    await store.change_artefact(user, plan, {"title": "The plan"})
    await store.artefact_page(user, tree, plan, 9, "text", "a")
    await store.artefact_history(user, plan, 1, 9)
    await store.artefact_text(user, plan, 2)
    await store.load_artefact(user, plan, turn, 1)
    await store.load_artefact(user, plan, gone)
    await store.remove_artefact_version(user, plan, 2)
    memory = (await store.add_memory(user, Told("Locks"), Origin(tree, nodes=[turn, gone]))).id
    await store.edit_memory(user, memory, Told("Weirs"), None)
    for places in ((None, None), (tree, None), (tree, gone)):
        await store.load_memory(user, memory, *places)
    assert len((await store.standing(user, tree, [turn, gone], None)).pieces) == 5
    await store.unload_memory(user, memory, tree, gone)
    await store.unload_artefact(user, plan, gone)
    await store.memory_page(user, memory, 9)
    await store.memory_page(user, memory, 9, tree)
    await store.all_memories(user)
    await store.memories_mark(user)
    await store.keep_turn_pieces(user, turn, [])
    assert await store.turn_pieces(user, turn) == []
    await store.remove_artefact(user, plan)
    await store.delete_memory(user, memory)


async def test_what_stands_for_a_path_costs_the_same_however_much_hangs_elsewhere(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    await client.adopt(*(said("user" if i % 2 else "assistant", f"message {i}") for i in range(60)))
    path, elsewhere = client.nodes[:10], client.nodes[10:]
    plan = (await store.add_artefact(user, tree, "Plan", "text", [], [Brought("One.")])).id
    memory = (await store.add_memory(user, Told("Locks"), Origin())).id
    await store.load_artefact(user, plan, path[3])
    await store.load_memory(user, memory, tree, path[5])

    async def standing():
        assert len((await store.standing(user, tree, path, None)).pieces) == 2

    async def counted() -> int:
        return await steps_of(client, lambda: store._read(partial(loads.pieces, user_id=user, tree_id=tree, path=path)))

    await standing()
    small = await counted()
    for number, node in enumerate(elsewhere):
        other = await store.add_artefact(
            user, tree, f"Plan {number}", "text", [], [Brought(f"Version {i}.") for i in range(5)]
        )
        await store.load_artefact(user, other.id, node)
        await store.load_memory(user, (await store.add_memory(user, Told(f"No. {number}"), Origin())).id, tree, node)
    await standing()
    assert await counted() <= small * 1.1 + 2


async def test_what_stands_beside_a_path_takes_no_more_steps_in_a_large_tree(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id
    for i in range(10):
        await client.say(f"Question {i}", f"Answer {i}")
    path = list(client.nodes)
    for node_id in path[::4]:
        await store.put_zone(user, None, "node", "Of wood.", node_id=node_id)

    async def standing():
        assert len((await store._read(lambda db: standing_of(db, user, tree, path, None))).pieces) == 5

    small = await steps_of(client, standing)
    for chat in range(5):
        other = await client.another(f"chat {chat}")
        await other.adopt(*(said("user" if i % 2 else "assistant", f"message {i} of {chat}") for i in range(60)))
        for node_id in other.nodes[::3]:
            await store.put_zone(user, None, "node", "Of steel.", node_id=node_id)
    large = await steps_of(client, standing)
    assert large <= small * 1.1 + 2 * FEW  # a few more are looked at before a path is asked for node by node


async def scoped(client: Client, turn: NodeId, reply: NodeId) -> None:
    """All that is asked about zones, personalities and images."""
    store, user, tree = client.store, client.user.id, client.tree.id
    await store.put_zone(user, None, "node", "Of wood.", node_id=turn)
    await store.append_zone(user, tree, "discussion", "Boats.", 100)
    await store.node_zones(user, tree)
    await store.node_zone(user, turn)
    await store.create_personality(user, "tutor")
    await store.update_personality(user, "tutor", {"zone": "You teach.", "metadata": {"a": 1}})
    await store.update_tree(user, tree, {"personality": "tutor"})
    await store.personalities(user)
    hung = await store.add_image(user, tree, decoded(PNG))
    await store.add_node_image(user, reply, decoded(PNG))
    await store.switch_image(user, hung.image.id, active=True)
    await store.tree_images(user, tree)
    await store.node_images(user, reply)
    standing = await store.standing(user, tree, [turn, reply], None)
    assert len(standing.pieces) == 5
    await store.delete_image(user, hung.image.id)
    await store.delete_personality(user, "tutor")


async def test_a_page_of_a_structure_costs_the_same_however_large_the_tree(client: Client):
    store, user, tree = client.store, client.user.id, client.tree.id

    async def page(after):
        assert len((await store.structure_page(user, tree, after, 50)).items) == 50

    await client.adopt(*(said("user" if i % 2 else "assistant", f"message {i}") for i in range(100)))
    small = await steps_of(client, lambda: page(client.nodes[20]))
    for chat in range(20):
        other = await client.another(f"chat {chat}")
        await other.adopt(*(said("user" if i % 2 else "assistant", f"message {i} of {chat}") for i in range(100)))
    large = await steps_of(client, lambda: page(client.nodes[20]))
    assert large <= small * 1.1 + 2
