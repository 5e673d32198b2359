"""Files that are cut off, foreign or made to harm: nothing is changed, and the place of the fault is named."""

import json
from typing import Any

import pytest

from proxy.domain.tree import NodeId, UserId
from proxy.errors import InvalidRequest, NotFound, StoreError
from proxy.store import SqliteStore
from tests.store.client import Client
from tests.transfer.growing import Copy, brought, everything, exported, node, written

pytestmark = pytest.mark.anyio

DEEP = "[" * 100_000 + "]" * 100_000
USER = '{"role": "user", "content": "a"}'


def native(*lines: str, nodes: int | None = None, tree: str | None = None) -> str:
    """A native document with these lines for nodes; the first stands on line 7."""
    tree = tree or '{"id":"t_1","name":"canals","created_at":1,"updated_at":2}'
    count = len(lines) if nodes is None else nodes
    body = ",\n".join(lines)
    return f'{{"graft":1,\n"kind":"tree",\n"tree":{tree},\n"zones":[\n],\n"nodes":[\n{body}\n],\n"end":{{"zones":0,"nodes":{count}}}}}\n'


def line(id_: str = "n_1", parent: str | None = None, **fields: Any) -> str:
    told: dict[str, Any] = {"id": id_, "parent": parent, "message": {"role": "user", "content": "a"}, "state": "whole"}
    return json.dumps({**told, "created_at": 5, **fields})


def notebook(*branches: dict[str, Any]) -> str:
    return json.dumps({"tree_id": "canals", "branches": branches})


def branch(id_: Any, parent: Any = None, point: Any = None, messages: Any = None) -> dict[str, Any]:
    own = [{"role": "user", "content": "a"}] if messages is None else messages
    return {"id": id_, "parent_id": parent, "attachment_point": point, "messages": own}


NATIVE: list[tuple[str, str, str, str]] = [
    ("no JSON in a node", native(line(), '{"id": n_2}'), "line 8", "not JSON"),
    ("NaN", native(line(created_at=5).replace('"created_at": 5', '"created_at": NaN')), "line 7", "NaN"),
    ("infinity", native(line().replace("5}", "1e999}")), "line 7", "out of range"),
    ("a huge time", native(line(created_at=1e300)), "line 7.created_at", "<="),
    ("a time before all times", native(line(created_at=-1)), "line 7.created_at", ">="),
    ("a huge count of tokens", native(line(tokens=2**70)), "line 7.tokens", "`int"),
    ("a number of 10,000 digits", native(line(metadata={"n": 1}).replace("1}", "1" * 10_000 + "}")), "line 7", "digits"),
    ("an unknown role", native(line(message={"role": "robot", "content": ""})), "line 7.message.role", "robot"),
    ("no role", native(line(message={"content": ""})), "line 7.message.role", "None"),
    ("a role that is a list", native(line(message={"role": ["user"]})), "line 7.message.role", "['user']"),
    ("content of another kind", native(line(message={"role": "user", "content": 7})), "line 7.message.content", "7"),
    ("a part that is no object", native(line(message={"role": "user", "content": [7]})), "line 7.message.content[0]", "7"),
    ("calls that are none", native(line(message={"role": "user", "tool_calls": [[]]})), "line 7.message.tool_calls[0]", ""),
    ("a call id that is no text", native(line(message={"role": "tool", "tool_call_id": 7})), "line 7.message.tool_call_id", ""),
    ("an unknown state", native(line(state="asleep")), "line 7.state", "asleep"),
    ("an unknown field", native(line(admin=True)), "line 7", "admin"),
    ("no message", native('{"id":"n_1","parent":null,"state":"whole","created_at":5}'), "line 7", "message"),
    ("an id that is a number", native(line().replace('"n_1"', "7")), "line 7.id", "int"),
    ("an empty id", native(line(id_="")), "line 7.id", "length"),
    ("an id twice", native(line(), line("n_2"), line()), "line 9.id", "n_1"),
    ("a parent that is not there", native(line(), line("n_2", "n_7")), "line 8.parent", "n_7"),
    ("a node under itself", native(line("n_1", "n_1")), "line 7.parent", "n_1"),
    ("two nodes under each other", native(line("n_1", "n_2"), line("n_2", "n_1")), "line 7.parent", "n_2"),
    ("an answer to what has none", native(line(state="unanswered"), line("n_2", "n_1")), "line 8.state", "n_1"),
    ("a system text of nobody", native(line(), line("n_2", system_of="n_1")), "line 8.system_of", "n_1"),
    ("metadata that is a list", native(line(metadata=[])), "line 7.metadata", "array"),
    ("labels that are none", native(line(metadata={"graft": {"labels": [7]}})), "line 7.metadata.graft.labels[0]", "int"),
    ("nesting in a message", native(line().replace('"a"', DEEP)), "line 7", "deep"),
    ("nesting in metadata", native(line()[:-1] + ', "metadata": {"m": ' + DEEP + "}}"), "line 7", "deep"),
    ("nesting that libraries bear", native(line(metadata={"m": json.loads("[" * 150 + "]" * 150)})), "line 7.metadata", "100"),
    ("a name that is empty", native(tree='{"id":"t","name":"","created_at":1,"updated_at":1}'), "line 3.name", "length"),
    ("a tree that is a list", native(tree="[]"), "line 3", "object"),
    ("a window below 1", native(tree='{"id":"t","name":"m","created_at":1,"updated_at":1,"max_context_tokens":0}'), "line 3", ""),
    ("nodes left out", native(line(), nodes=2), "line 9", "2 nodes"),
    ("another version", native(line()).replace('"graft":1', '"graft":99'), "line 1", "versions 1 to"),
    ("another kind", native(line()).replace('"kind":"tree"', '"kind":"wood"'), "line 2", "kind"),
    ("an unknown part", native(line()).replace('"end"', '"keys":7,\n"end"'), "line 9", "keys"),
    ("a part twice", native(line()).replace('"zones"', '"kind":"tree",\n"zones"', 1), "line 4", "kind"),
    ("no tree", native(line()).replace('"tree":{"id":"t_1","name":"canals","created_at":1,"updated_at":2},\n', ""), "line 6", "tree"),
    ("another's zone", native(line()).replace("[\n],", '[\n{"name":"user","text":"x","updated_at":1}\n],', 1), "line 5.name", "user"),
    ("a zone of no node", native(line()).replace("[\n],", '[\n{"name":"node","text":"x","updated_at":1}\n],', 1), "line 5.name", "node"),
    ("a tree's zone on a node", native(line()).replace("[\n],", '[\n{"name":"discussion","node":"n_1","text":"x","updated_at":1}\n],', 1), "line 5.name", "discussion"),
    ("a zone of a node that is not there", native(line()).replace("[\n],", '[\n{"name":"node","node":"n_none","text":"x","updated_at":1}\n],', 1).replace('"zones":0', '"zones":1'), "line 5.node", "n_none"),
    ("a missing comma", native(line(), line("n_2")).replace(",\n{", "\n{"), "line 8", "comma"),
    ("a comma too many", native(line()).replace("}\n],", "},\n],"), "line 8", "closed"),
    ("a second document", native(line()) * 2, "line 10", "follows"),
]  # fmt: skip

WHOLE: list[tuple[str, str, str, str]] = [
    ("nothing", "", "the beginning", "empty"),
    ("white space", " \n", "the beginning", "empty"),
    ("text", "Dear diary", "the beginning", "not JSON"),
    ("half a list", '[{"role": "user",\n "content": "a"', "the beginning", "line 2"),
    ("bytes that are no text", "\udcff\udcfe", "the beginning", "not JSON"),
    ("nesting", DEEP, "the beginning", "deep"),
    ("nesting in a notebook", '{"tree_id": 1, "branches": ' + DEEP + "}", "the beginning", "deep"),
    ("branches that are none", '{"branches": 7}', "branches", "array"),
    ("a branch that is none", '{"branches": [7]}', "branches[0]", "object"),
    ("a branch without id", notebook(branch(None)), "branches[0].id", "id"),
    ("a branch without messages", '{"branches": [{"id": 1}]}', "branches[0]", "messages"),
    ("an id twice", notebook(branch(1), branch(2), branch(1)), "branches[2].id", "branches[0]"),
    ("a parent that is not there", notebook(branch(1), branch(2, 7, 0)), "branches[1].parent_id", "7"),
    ("a parent of another type", notebook(branch(1), branch(2, "1", 0)), "branches[1].parent_id", "'1'"),
    ("a branch under itself", notebook(branch(1, 1, 0)), "branches[0].parent_id", "itself"),
    ("a circle", notebook(branch(0), branch(1, 2, 0), branch(2, 1, 0)), "branches[1].parent_id", "itself"),
    ("a point below 0", notebook(branch(1), branch(2, 1, -1)), "branches[1].attachment_point", "-1"),
    ("a point beyond the end", notebook(branch(1), branch(2, 1, 1)), "branches[1].attachment_point", "there are 1"),
    ("a huge point", notebook(branch(1), branch(2, 1, 10**40)), "branches[1].attachment_point", "1000"),
    ("a point between messages", notebook(branch(1), branch(2, 1, 0.5)), "branches[1].attachment_point", "float"),
    ("no point", notebook(branch(1), branch(2, 1)), "branches[1].attachment_point", "index"),
    ("a point without a parent", notebook(branch(1, None, 3)), "branches[0].attachment_point", "3"),
    ("a point in an empty branch", notebook(branch(1, messages=[]), branch(2, 1, 0)), "branches[1].attachment_point", "0"),
    ("an unknown role", notebook(branch(1, messages=[{"role": "god"}])), "branches[0].messages[0].role", "god"),
    ("a message that is none", notebook(branch(1, messages=["a"])), "branches[0].messages[0]", "object"),
    ("a chat without messages", "[]", "the beginning", "no message"),
    ("a chat that is none", '{"messages": {"role": "user"}}', "messages", "array"),
    ("an unknown role in a chat", f'[{USER}, {{"role": "x"}}]', "[1].role", "'x'"),
    ("a question without content", f'[{USER}, {{"role": "user"}}]', "[1].content", "text or a list"),
    ("a native file in other lines, without its end", '{"graft": 1, "tree": {}}', "tree", "missing"),
    ("a native file in other lines, with an odd node", json.dumps(json.loads(native(line(state="odd")))), "nodes[0].state", "odd"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "what"), [case[1:] for case in NATIVE + WHOLE], ids=[case[0] for case in NATIVE + WHOLE])  # fmt: skip
async def test_nothing_is_changed_and_the_place_is_named(content: str, place: str, what: str):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada", tree="canals")
        await client.say("How do locks work?")
        before = await everything(store)
        with pytest.raises(InvalidRequest) as caught:
            await brought(store, content.encode("utf-8", "surrogateescape"))
        assert caught.value.param == place or caught.value.param.startswith(f"{place}.")
        assert what in caught.value.message.partition(caught.value.param)[2]
        assert "nothing was changed" in caught.value.message
        assert len(caught.value.message) < 1000
        assert await everything(store) == before


async def test_a_file_cut_off_anywhere_changes_nothing():
    whole = await written(Copy([node("n_1", None, "a", system="s"), node("n_2", "n_1", "b", system="s")]))
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        for size in range(len(whole.rstrip())):
            with pytest.raises(InvalidRequest):
                await brought(store, whole[:size])
        assert await everything(store) == before
        assert (await brought(store, whole.rstrip())).added == 2


async def test_a_notebook_cut_off_anywhere_changes_nothing():
    whole = notebook(branch(1), branch(2, 1, 0))
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        for size in range(len(whole)):
            with pytest.raises(InvalidRequest):
                await brought(store, whole[:size])
        assert await everything(store) == before


@pytest.mark.parametrize("content", ["{}", "[]", "7", '"text"', "null", "[[]]", '[{"a": 1}]', '{"title": "x"}'])
async def test_a_file_of_no_known_format_is_refused(content: str):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        with pytest.raises(InvalidRequest, match="cannot be imported, and nothing was changed"):
            await brought(store, content)
        assert await everything(store) == before


async def test_another_users_node_is_no_parent_and_its_id_is_given_anew():
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        theirs, _ = await client.say("How do locks work?")
        before = await everything(store)
        with pytest.raises(InvalidRequest, match="no node above has the id"):
            await brought(store, native(line("n_2", theirs)), "bob")
        with pytest.raises(NotFound) as foreign:
            await brought(store, native(line()), "bob", parent=theirs)
        assert await everything(store) == before
        with pytest.raises(NotFound) as unknown:
            await brought(store, native(line()), "bob", parent=NodeId("n_7"))
        assert foreign.value.message.replace(theirs, "n_7") == unknown.value.message
        kept = await exported(store, client.tree)
        imported = await brought(store, native(line(theirs)), "bob")
        assert imported.added == 1
        assert await exported(store, client.tree) == kept
        assert (await store.node(UserId("ada"), theirs)).message.text == "How do locks work?"
        assert await store.verify() == []


@pytest.mark.parametrize("id_", ["root", "a b", "../x", "n\n1", "\u00e9", "x" * 150, "'; DROP TABLE nodes; --"])
async def test_an_id_that_cannot_stand_in_a_url_is_given_anew(id_: str):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, native(line(id_), line("n_2", id_)))
        first, second = [one async for one in store.nodes(UserId("ada"), imported.tree.id)]
        assert first.id.startswith("n_")
        assert (second.id, second.parent_id) == ("n_2", first.id)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
async def test_a_tree_needs_a_name(name: str):
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        with pytest.raises(InvalidRequest, match="name"):
            await brought(store, native(line()), tree=name)
        assert await everything(store) == before


async def test_a_node_of_another_tree_than_the_one_named_is_no_place():
    async with await SqliteStore.open("sqlite://:memory:") as store:
        client = await Client.of(store, "ada")
        _, answered = await client.say("How do locks work?")
        _, waiting = await client.ask("And weirs?")
        before = await everything(store)
        with pytest.raises(InvalidRequest, match="stands in the tree 'main'"):
            await brought(store, native(line()), tree="canals", parent=answered)
        with pytest.raises(InvalidRequest, match="no answer yet"):
            await brought(store, native(line()), parent=waiting)
        assert await everything(store) == before


async def test_a_store_that_fails_in_the_middle_undoes_all(monkeypatch: pytest.MonkeyPatch):
    from proxy.store.turns import chains

    def full(*_: Any) -> None:
        raise StoreError("The disk is full.")

    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        monkeypatch.setattr(chains.writing, "remember", full)
        with pytest.raises(StoreError):
            await brought(store, native(*[line(f"n_{index}") for index in range(1200)]))
        assert await everything(store) == before


async def test_a_very_deep_tree_is_no_harm():
    lines = [line(f"n_{index}", f"n_{index - 1}" if index else None) for index in range(3_000)]
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, native(*lines))
        assert imported.added == 3_000
        assert len(await store.path(UserId("ada"), NodeId("n_2999"))) == 3_000
        for form in ("native", "notebook", "openai_chat", "markdown"):
            assert await exported(store, imported, form)


async def test_chains_of_branches_may_be_long():
    branches = [branch(index, index - 1 if index else None, 0 if index else None) for index in range(3_000)]
    async with await SqliteStore.open("sqlite://:memory:") as store:
        assert (await brought(store, notebook(*reversed(branches)))).added == 3_000
