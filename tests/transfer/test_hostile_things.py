"""What is kept beside messages, in files that are cut off, changed or made to harm: nothing is changed, and the place is named."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from proxy.domain.artefact import BODY_MAX
from proxy.domain.beside import CarriedArtefact, CarriedImage, CarriedMemory, CarriedVersion, Placed, SwitchedOff
from proxy.domain.memory import Told
from proxy.domain.picture import PICTURE_MAX
from proxy.domain.summary import Summary
from proxy.domain.tree import NodeId
from proxy.errors import InvalidRequest
from proxy.store import SqliteStore
from tests.store.client import Client
from tests.transfer.beside import PNG, body, personality, text_body
from tests.transfer.growing import TREE, Copy, brought, everything, node, written

pytestmark = pytest.mark.anyio

Change = Callable[[dict[str, Any]], object]
TEXT, PICTURE = text_body("Lock one"), body("image/png", PNG + b"1")
FIRST = NodeId("n_1")
PART = {"type": "image_url", "image_url": {"url": "https://pictures.example/a"}}
COPY = Copy(
    [node("n_1", None, {"role": "user", "content": [PART]}), node("n_2", "n_1", "b")],
    personalities=[personality("tutor")],
    things=[
        TEXT,
        PICTURE,
        CarriedArtefact(
            "a_1", "plan", "text", [], 3, 1.0, 2.0, [CarriedVersion(1, TEXT.hash, 1.0), CarriedVersion(3, TEXT.hash, 2.0)],
            [Placed(None, 1.0, 1), Placed(FIRST, 2.0)],
        ),
        CarriedMemory("m_1", Told("Locks"), "hand", 1.0, 1.0, nodes=[FIRST], placed=[Placed(FIRST, 1.0)]),
        CarriedImage("i_1", None, True, 1.0, body=PICTURE.hash),
        CarriedImage("i_2", FIRST, False, 1.0, url="https://pictures.example/b"),
        SwitchedOff(FIRST, [0]),
        Summary("s_1", TREE.id, FIRST, None, "asked", "Of locks.", 3, "m", 1.0),
        Summary("s_2", TREE.id, FIRST, "s_1", "auto", "Of locks too.", 3, "m", 2.0),
    ],
)  # fmt: skip


def put(path: str, value: Any) -> Change:
    """Set what stands at `bodies.0.hash`."""

    def change(told: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            told = told[int(step) if step.isdecimal() else step]
        told[int(last) if last.isdecimal() else last] = value

    return change


def add(name: str, **fields: Any) -> Change:
    """Tell the first item of a list once more, with other fields."""

    def change(told: dict[str, Any]) -> None:
        told[name].append({key: value for key, value in {**told[name][0], **fields}.items() if value is not None})
        told["end"][name] += 1

    return change


def drop(name: str, index: int = 0, *, counted: bool = True) -> Change:
    def change(told: dict[str, Any]) -> None:
        del told[name][index]
        told["end"][name] -= counted

    return change


def large(told: dict[str, Any]) -> None:
    made = text_body("x" * (BODY_MAX + 1))
    add("bodies", hash=made.hash, text=made.data.decode())(told)


CASES: list[tuple[str, Change, str, str]] = [
    ("bytes of another hash", put("bodies.0.text", "Lock two"), "bodies[0].hash", "do not match"),
    ("a picture of another hash", put("bodies.1.base64", body("image/png", PNG).hash), "bodies[1]", "kind"),
    ("a hash that is none", put("bodies.0.hash", "7"), "bodies[0].hash", "do not match"),
    ("no base64", put("bodies.1.base64", "%%%"), "bodies[1].base64", "base64"),
    ("a picture of another kind", put("bodies.1.media_type", "image/gif"), "bodies[1].media_type", "image/gif"),
    ("a kind of body that nobody knows", put("bodies.1.media_type", "text/html"), "bodies[1].media_type", "text/html"),
    ("text that is a picture", put("bodies.0.media_type", "image/png"), "bodies[0]", "base64"),
    ("a body twice", add("bodies"), "bodies[2].hash", "before"),
    ("a body too large", large, "bodies[2]", "allowed"),
    ("a body of nothing", drop("artefacts"), "bodies[0]", "refers"),
    ("a version without its body", put("artefacts.0.versions.0.body", "0" * 64), "artefacts[0].versions[0].body", "no body"),
    ("a version that is a picture", put("artefacts.0.versions.0.body", PICTURE.hash), "artefacts[0].versions[0].body", "no text"),
    ("an artefact without a version", put("artefacts.0.versions", []), "artefacts[0].versions", "length"),
    ("a version without an artefact", put("artefacts.0", {"version": 1, "body": TEXT.hash, "at": 1}), "artefacts[0]", "unknown field"),
    ("a version twice", put("artefacts.0.versions.1.version", 1), "artefacts[0].versions[1].version", "between"),
    ("a version beyond the last", put("artefacts.0.last", 2), "artefacts[0].versions[1].version", "between"),
    ("a version zero", put("artefacts.0.versions.0.version", 0), "artefacts[0].versions[0].version", ">="),
    ("a version that reverts to itself", put("artefacts.0.versions.0.reverts_to", 1), "artefacts[0].versions[0].reverts_to", "earlier"),
    ("an artefact twice", add("artefacts", title="other"), "artefacts[1].id", "a_1"),
    ("a title twice", add("artefacts", id="a_2"), "artefacts[1].title", "plan"),
    ("an artefact without a title", put("artefacts.0.title", ""), "artefacts[0].title", "length"),
    ("a load of no version", put("artefacts.0.loads.0.version", 2), "artefacts[0].loads[0].version", "2"),
    ("a load on no node", put("artefacts.0.loads.1.node", "n_7"), "artefacts[0].loads[1].node", "n_7"),
    ("a load twice", put("artefacts.0.loads.0", {"node": "n_1", "at": 1}), "artefacts[0].loads[1].node", "twice"),
    ("a memory of no node", put("memories.0.nodes", ["n_1", "n_7"]), "memories[0].nodes[1]", "n_7"),
    ("a memory twice", add("memories"), "memories[1].id", "m_1"),
    ("a memory in a version", put("memories.0.loads.0.version", 1), "memories[0].loads[0].version", "1"),
    ("a memory by nobody", put("memories.0.method", "magic"), "memories[0].method", "magic"),
    ("a huge time", put("memories.0.created_at", 1e300), "memories[0].created_at", "<="),
    ("an image twice", add("images"), "images[2].id", "i_1"),
    ("an image on no node", put("images.1.node", "n_7"), "images[1].node", "n_7"),
    ("an image of two kinds", put("images.0.url", "https://pictures.example"), "images[0]", "either"),
    ("an image that is text", put("images.0.body", TEXT.hash), "images[0].body", "no picture"),
    ("an image without a body", put("images.0.body", "0" * 64), "images[0].body", "no body"),
    ("an image that is a file", put("images.1.url", "file:///etc/passwd"), "images[1].url", "http"),
    ("an image with its bytes in its address", put("images.1.url", "data:image/png;base64,AAAA"), "images[1].url", "http"),
    ("an image with orders in its address", put("images.1.url", "https://a.example/\r\nx"), "images[1].url", "http"),
    ("an image switched off that is not there", put("switched_off.0.numbers", [1]), "switched_off[0].numbers[0]", "1 images"),
    ("an image switched off twice", put("switched_off.0.numbers", [0, 0]), "switched_off[0].numbers[1]", "twice"),
    ("images of a node without any", put("switched_off.0.node", "n_2"), "switched_off[0].numbers[0]", "0 images"),
    ("images of no node", put("switched_off.0.node", "n_7"), "switched_off[0].node", "n_7"),
    ("a summary of no node", put("summaries.0.node", "n_7"), "summaries[0].node", "n_7"),
    ("a summary of no summary", put("summaries.1.previous", "s_7"), "summaries[1].previous", "s_7"),
    ("a summary of itself", put("summaries.0.previous", "s_1"), "summaries[0].previous", "s_1"),
    ("a summary twice", add("summaries"), "summaries[2].id", "s_1"),
    ("a summary of another kind", put("summaries.0.kind", "wild"), "summaries[0].kind", "wild"),
    ("a personality twice", add("personalities"), "personalities[1].name", "tutor"),
    ("a personality without a name", put("personalities.0.name", ""), "personalities[0].name", "length"),
    ("a tree under nobody", put("tree.personality", "judge"), "tree.personality", "judge"),
    ("an unknown field", put("memories.0.admin", True), "memories[0]", "admin"),
    ("memories left out", drop("memories", counted=False), "end", "1 memories"),
    ("an earlier version", put("graft", 2), "personalities", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "place", "what"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_nothing_is_changed_and_the_place_is_named(change: Change, place: str, what: str):
    told = json.loads(await written(COPY))
    change(told)
    async with await SqliteStore.open("sqlite://:memory:") as store:
        await (await Client.of(store, "ada")).say("How do locks work?")
        before = await everything(store)
        with pytest.raises(InvalidRequest) as caught:
            await brought(store, json.dumps(told))
        assert caught.value.param == place or caught.value.param.startswith((f"{place}.", f"{place}["))
        assert what in caught.value.message.partition(caught.value.param)[2]
        assert "nothing was changed" in caught.value.message
        assert len(caught.value.message) < 1000
        assert await everything(store) == before


async def test_a_file_cut_off_anywhere_changes_nothing():
    whole = (await written(COPY)).rstrip()
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        for size in range(0, len(whole), 7):
            with pytest.raises(InvalidRequest):
                await brought(store, whole[:size])
        assert await everything(store) == before
        assert (await brought(store, whole)).added == 2
        assert await store.verify() == []


async def test_a_text_with_half_a_character_changes_nothing():
    kept = await written(COPY)
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        with pytest.raises(InvalidRequest, match="half a character"):
            await brought(store, kept.replace(b"Lock one", b"Lock \\ud83d"))
        assert await everything(store) == before


async def test_no_more_images_hang_in_one_place_than_a_place_holds():
    things = [CarriedImage(f"i_{index}", None, True, 1.0, url="https://pictures.example/b") for index in range(101)]
    async with await SqliteStore.open("sqlite://:memory:") as store:
        with pytest.raises(InvalidRequest, match="more than 100 images"):
            await brought(store, await written(Copy([], things=things)))
        assert (await brought(store, await written(Copy([], things=things[1:])))).beside == {"images": 100}


async def test_a_picture_too_large_changes_nothing():
    made = body("image/png", PNG + bytes(PICTURE_MAX))
    copy = Copy([], things=[made, CarriedImage("i_1", None, True, 1.0, body=made.hash)])
    async with await SqliteStore.open("sqlite://:memory:") as store:
        before = await everything(store)
        with pytest.raises(InvalidRequest, match="20000000 are allowed"):
            await brought(store, await written(copy))
        assert await everything(store) == before


@pytest.mark.parametrize("id_", ["root", "a b", "../x", "n_1.0", "\u00e9", "x" * 150, "'; DROP TABLE images; --"])
async def test_an_id_that_cannot_stand_in_a_url_is_given_anew(id_: str):
    copy = Copy([], things=[CarriedImage(id_, None, True, 1.0, url="https://pictures.example/b")])
    async with await SqliteStore.open("sqlite://:memory:") as store:
        imported = await brought(store, await written(copy))
        [hung] = await store.tree_images(imported.tree.user_id, imported.tree.id)
        assert hung.image.id.startswith("i_")
        assert (await store.image(imported.tree.user_id, hung.image.id)).image.url == "https://pictures.example/b"
