"""Images over HTTP: added as bytes or addresses, switched, deleted; those in messages; and what is no image."""

import base64

import pytest

from tests.api.house import Person, Tree
from tests.doubles.pictures import GIF, KINDS, PNG, data_url

URL = "https://pictures.example/boat.png?size=2"


@pytest.fixture
def node(tree: Tree) -> str:
    return tree.add("Boats?")


@pytest.fixture(params=["tree", "node"])
def path(request: pytest.FixtureRequest, tree: Tree, node: str) -> str:
    return f"{tree.path}/images" if request.param == "tree" else f"/api/nodes/{node}/images"


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_comes_as_base64_and_its_kind_is_told_by_its_bytes(ada: Person, path: str, kind: str):
    for data in (KINDS[kind], data_url(KINDS[kind], kind)):
        made = ada.ok("POST", path, {"data": data})
        assert (made["media_type"], made["url"], made["active"]) == (kind, None, True)
        assert made["bytes"] == len(base64.b64decode(KINDS[kind]))
        whole = ada.get(f"/api/images/{made['id']}")
        assert whole == {**made, "data": KINDS[kind]}


def test_an_image_elsewhere_is_passed_on_and_never_fetched(ada: Person, path: str):
    made = ada.ok("POST", path, {"url": URL})
    assert (made["media_type"], made["url"], made["bytes"]) == (None, URL, 0)
    assert ada.get(f"/api/images/{made['id']}")["data"] is None


def test_images_are_listed_in_the_order_in_which_they_came(ada: Person, tree: Tree, node: str):
    made = [ada.ok("POST", f"{tree.path}/images", {"data": data}) for data in (PNG, GIF, PNG)]
    hung = ada.ok("POST", f"/api/nodes/{node}/images", {"url": URL})
    assert ada.get(f"{tree.path}/images")["data"] == made
    assert ada.get(f"/api/nodes/{node}/images")["data"] == [hung]
    assert {one["on"] for one in made} == {"tree"}
    assert (hung["on"], hung["node_id"], hung["tree_id"]) == ("node", node, tree.id)


def test_an_image_is_switched_off_and_on_and_deleted(ada: Person, path: str):
    image = ada.ok("POST", path, {"data": PNG, "active": False})
    assert not image["active"]
    at = f"/api/images/{image['id']}"
    assert ada.ok("PATCH", at, {"active": True})["active"]
    assert ada.get(path)["data"][0]["active"]
    assert ada.ok("PATCH", at, {"active": False}) == image
    assert ada.ok("DELETE", at)["deleted"]
    assert ada.get(path)["data"] == []
    for method, body in (("GET", None), ("PATCH", {"active": True}), ("DELETE", None)):
        assert ada.refused(method, at, body, status=404)["param"] == "image_id"


def test_only_active_images_of_the_place_are_composed(ada: Person, tree: Tree):
    first, second = tree.branch("Boats?", "Float.")
    on_tree = ada.ok("POST", f"{tree.path}/images", {"data": PNG})["id"]
    ada.ok("POST", f"{tree.path}/images", {"data": GIF, "active": False})
    on_node = ada.ok("POST", f"/api/nodes/{second}/images", {"url": URL})["id"]
    shown = {
        where: [piece["images"] for piece in ada.get(f"{tree.path}/composed?node_id={where}")["pieces"]]
        for where in (first, second)
    }
    assert shown == {first: [[on_tree]], second: [[on_tree], [on_node]]}


@pytest.mark.parametrize(
    ("body", "param", "says"),
    [
        ({}, "data", "either"),
        ({"data": PNG, "url": URL}, "data", "either"),
        ({"data": f"{PNG}!"}, "data", "no base64"),
        ({"data": PNG[:-1]}, "data", "no base64"),
        ({"data": GIF, "media_type": "image/png"}, "data", "claimed to be 'image/png'"),
        ({"data": data_url(GIF)}, "data", "claimed to be 'image/png'"),
        ({"data": base64.b64encode(b"<svg/>").decode()}, "data", "no PNG"),
        ({"url": data_url()}, "url", "http or https"),
        ({"url": "ftp://pictures.example/a"}, "url", "http or https"),
        ({"url": "file:///etc/passwd"}, "url", "http or https"),
        ({"url": "https:///a"}, "url", "http or https"),
        ({"url": "http://[::1"}, "url", "http or https"),
        ({"url": "https://a.example/\n"}, "url", "http or https"),
        ({"url": "https://a.example/" + "x" * 8_192}, "url", ""),
        ({"data": PNG, "size": 1}, "size", ""),
    ],
)
def test_what_is_no_image_is_refused_and_nothing_changes(ada: Person, path: str, body: dict, param: str, says: str):
    error = ada.refused("POST", path, body)
    assert error["param"] == param
    assert says in error["message"]
    assert ada.get(path)["data"] == []
    assert ada.house.rows("SELECT * FROM blobs WHERE user_id = ?", ada.user) == []


@pytest.mark.parametrize("megabytes", [21, 50])
def test_an_image_that_is_too_large_is_refused_as_such(ada: Person, tree: Tree, megabytes: int):
    path = f"{tree.path}/images"
    body = {"data": base64.b64encode(b"\xff\xd8\xff".ljust(megabytes * 1_000_000, b"\0")).decode()}
    error = ada.refused("POST", path, body, status=413)
    assert (error["type"], error["code"]) == ("invalid_request_error", "request_too_large")
    assert ada.get(path)["data"] == []


def test_places_that_are_not_there_have_no_images(ada: Person):
    for path in ("/api/trees/t_none/images", "/api/nodes/n_none/images"):
        ada.refused("GET", path, status=404)
        ada.refused("POST", path, {"data": PNG}, status=404)


def test_a_message_is_added_with_images(ada: Person, tree: Tree):
    images = [{"data": PNG}, {"url": URL, "active": False}]
    node = tree.add("Which of these?", images=images)
    parts = ada.get(f"/api/nodes/{node}")["content"]
    assert [part["type"] for part in parts] == ["text", "image_url", "image_url"]
    assert [part["image_url"]["url"] for part in parts[1:]] == [data_url(), URL]
    told = ada.get(f"/api/nodes/{node}/images")["data"]
    assert [(one["id"], one["on"], one["media_type"], one["url"], one["active"]) for one in told] == [
        (f"{node}.0", "message", "image/png", None, True),
        (f"{node}.1", "message", None, URL, False),
    ]
    assert ada.get(f"/api/images/{node}.0")["data"] == PNG
    assert ada.ok("PATCH", f"/api/images/{node}.1", {"active": True})["active"]
    assert ada.refused("DELETE", f"/api/images/{node}.0")["param"] == "image_id"
    assert ada.get(f"/api/nodes/{node}")["content"] == parts


def test_images_behind_parts_are_counted_after_theirs(ada: Person, tree: Tree):
    parts = [{"type": "image_url", "image_url": {"url": URL}}, {"type": "text", "text": "or"}]
    node = tree.add(parts, images=[{"data": PNG, "active": False}])  # type: ignore[arg-type]
    told = ada.get(f"/api/nodes/{node}/images")["data"]
    assert [(one["id"], one["active"]) for one in told] == [(f"{node}.0", True), (f"{node}.1", False)]


def test_a_branch_takes_images_too(ada: Person, tree: Tree):
    messages = [
        {"role": "user", "content": "", "images": [{"data": PNG, "active": False}]},
        {"role": "assistant", "content": "A dot."},
    ]
    added = ada.ok("POST", f"{tree.path}/branches", {"parent_id": None, "messages": messages})["data"]
    assert [part["type"] for part in added[0]["content"]] == ["image_url"]
    [image] = ada.get(f"/api/nodes/{added[0]['id']}/images")["data"]
    assert not image["active"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"images": [{"data": "!"}]}, "images[0].data"),
        ({"images": [{"data": PNG}, {"data": GIF, "media_type": "image/png"}]}, "images[1].data"),
        ({"images": [{}]}, "images[0].data"),
        ({"images": [{"data": PNG}], "role": "assistant"}, "images"),
        ({"content": [{"type": "image_url", "image_url": {"url": data_url(GIF)}}]}, "content[0].data"),
        ({"content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,!"}}]}, "content[0].data"),
    ],
)
def test_a_message_with_what_is_no_image_is_not_added(ada: Person, tree: Tree, fields: dict, param: str):
    body = {"parent_id": None, "role": "user", "content": "Which?", **fields}
    assert ada.refused("POST", f"{tree.path}/nodes", body)["param"] == param
    assert tree.edges() == {}
