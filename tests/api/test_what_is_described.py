"""The served OpenAPI document: every operation is described, with examples that are what their schemas say; and the page of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import jsonschema
import pytest

from tests.api.house import House, Person
from tests.api.recipes import RECIPES

VERBS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture(scope="module")
def document(house: House) -> dict[str, Any]:
    return dict(house.client.get("/api/docs/openapi.json").json())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb.upper()} {path}", operation


def contents(operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body of an operation, by what it is."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {media_type}", content
    for status, answer in operation["responses"].items():
        for media_type, content in answer.get("content", {}).items():
            yield f"{status} {media_type}", content


def complaints(document: dict[str, Any], content: dict[str, Any]) -> list[str]:
    """Why an example is not what its schema says."""
    schema = {**content["schema"], "components": document["components"]}
    return [fault.message for fault in jsonschema.Draft202012Validator(schema).iter_errors(content["example"])]


def test_every_endpoint_of_the_tree_api_is_in_the_document(document: dict[str, Any]):
    ours = {re.sub(r":\w+}", "}", endpoint) for endpoint in RECIPES if endpoint.partition(" ")[2].startswith("/api/")}
    assert {endpoint for endpoint, _ in operations(document)} == ours


def test_every_operation_has_a_summary_and_a_description(document: dict[str, Any]):
    for endpoint, operation in operations(document):
        assert operation.get("summary"), endpoint
        assert len(operation.get("description", "")) > 10, endpoint
        assert all(one.get("description") for one in operation.get("parameters", ())), endpoint


def test_every_body_has_an_example_that_its_schema_allows(document: dict[str, Any]):
    seen = 0
    for endpoint, operation in operations(document):
        told = dict(contents(operation))
        verb = endpoint.partition(" ")[0]
        assert any(name.startswith("2") for name in told), endpoint
        assert any(name.startswith("request") for name in told) == (verb in ("POST", "PUT", "PATCH")), endpoint
        for name, content in told.items():
            assert "example" in content, (endpoint, name)
            assert complaints(document, content) == [], (endpoint, name)
            seen += 1
    assert seen > 100


def test_a_field_is_described_by_the_name_under_which_it_is_sent(document: dict[str, Any], house: House):
    ada = house.person()
    path = f"/api/artefacts/{ada.ok('POST', f'{ada.tree().path}/artefacts', {'title': 'Plan', 'text': 'x'})['id']}"
    told = ada.get(f"{path}/diff?from=1")
    answer = document["paths"]["/api/artefacts/{artefact_id}/diff"]["get"]["responses"]["200"]
    content = answer["content"]["application/json"]
    assert complaints(document, {**content, "example": told}) == []
    assert {"from", "to"} <= set(content["example"]) & set(told)


def test_every_kind_of_file_is_described(document: dict[str, Any], house: House):
    path = "/api/trees/{tree_id}/export"
    operation = document["paths"][path]["get"]
    (form,) = [one for one in operation["parameters"] if one["name"] == "format"]
    tree = house.person().tree()
    for name in form["schema"]["enum"]:
        answer = tree.person.send("GET", f"{tree.path}/export?format={name}")
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in operation["responses"]["200"]["content"], name
        told = answer.json() if media_type == "application/json" else answer.text
        content = operation["responses"]["200"]["content"][media_type]
        assert complaints(document, {**content, "example": told}) == [], name


@pytest.mark.parametrize("status", ["401", "408", "413", "414", "429", "431", "503"])
def test_what_may_happen_to_any_request_is_described(document: dict[str, Any], status: str):
    for endpoint, operation in operations(document):
        assert status in operation["responses"] or endpoint == "GET /api/asides", endpoint


def test_an_example_that_breaks_its_schema_is_noticed(document: dict[str, Any]):
    content = document["paths"]["/api/trees"]["post"]["requestBody"]["content"]["application/json"]
    assert complaints(document, {**content, "example": {"name": 7}})


def test_examples_say_more_than_empty_objects(document: dict[str, Any]):
    for endpoint, operation in operations(document):
        for name, content in contents(operation):
            if name.startswith("2") and not endpoint.endswith("/export"):
                assert len(content["example"]) > 1, (endpoint, name)


def test_the_examples_of_requests_are_taken(ada: Person, document: dict[str, Any]):
    """Also where the schema cannot say it all: only ids in them are unknown here."""
    for endpoint, operation in operations(document):
        verb, _, path = endpoint.partition(" ")
        for name, content in contents(operation):
            if name.startswith("request"):
                answer = ada.send(verb, path.replace("{name}", "memory"), content["example"])
                assert answer.status_code in (200, 201, 404), (endpoint, answer.text)


class Loaded(HTMLParser):
    """Whatever a page makes a browser load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "iframe", "object", "embed", "base", "form"):
            self.found.append(tag)
        self.found += [
            str(value) for name, value in attrs if name in ("src", "srcset", "action") or name.startswith("on")
        ]
        self.found += [str(value) for name, value in attrs if name == "href" and not str(value).startswith("/")]


@pytest.mark.parametrize("path", ["/api/docs", "/api/docs/"])
def test_the_page_tells_every_operation_and_loads_nothing(house: House, document: dict[str, Any], path: str):
    answer = house.client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    page = Loaded()
    page.feed(answer.text)
    assert page.found == []
    assert not re.search(r"@import|url\(|https?://|//cdn", answer.text)
    for endpoint, _ in operations(document):
        assert f"<code>{endpoint}</code>" in answer.text


@pytest.mark.parametrize("path", ["redoc", "swagger", "elements", "rapidoc", "scalar", "oauth2-redirect.html", "x"])
def test_no_page_of_somebody_else_is_served(house: House, path: str):
    answer = house.client.get(f"/api/docs/{path}")
    assert answer.status_code == 404
    page = Loaded()
    page.feed(answer.text)
    assert page.found == []
