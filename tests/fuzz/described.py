"""Requests made out of the served description: schemathesis draws them, good ones and bad ones, and they are aimed at what people have.

One drawn case is sent several times: as it was drawn, with ids of the sender's own things in its path and body, and with ids of
somebody else's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import FailureGroup

from tests.fuzz.judge import NO_HTTP, Answer, Book, judge
from tests.fuzz.people import Somebody

load_all_checks()
CHECKED = [CHECKS.get_one(f"{name}_conformance") for name in ("status_code", "content_type", "response_schema")]
ID_FIELDS = {
    "parent_id": "node_id",
    "node_id": "node_id",
    "node_ids": "node_id",
    "cursor": "node_id",
    "after": "node_id",
    "before": "node_id",
    "tree_id": "tree_id",
    "tree": "tree_id",
    "personality": "name",
    "memory_id": "memory_id",
    "id": "node_id",
}
"""Fields of bodies and queries in which an id may stand, and of what."""
LONGEST_S = 120
"""No answer may take longer, on a slow and busy machine either."""
OUR_MODELS = ("native", "raw", "litellm", "broken", "gone")


class Described:
    """All operations of a served description."""

    def __init__(self, url: str, document: Mapping[str, Any], book: Book) -> None:
        schema = schemathesis.openapi.from_dict(dict(document))
        schema.config.update(base_url=url)
        self.operations = {result.ok().label: result.ok() for result in schema.get_all_operations()}
        self._url = url
        self._book = book
        self._http = requests.Session()

    def fuzz(
        self,
        label: str,
        people: tuple[Somebody, Somebody],
        examples: int,
        chance: random.Random,
        tell: Callable[[], None],
    ) -> None:
        """Send so many drawn cases of one operation, good and bad ones, each aimed in every way; `tell` after each request."""
        operation = self.operations[label]
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @seed(chance.randrange(1 << 32))
            @settings(
                max_examples=examples,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(generation_mode=mode))
            def each(case: Case) -> None:
                asking, other = chance.sample(people, 2)
                self._send(case, asking, other)
                tell()
                for owner in (asking, other):
                    self._send(aimed(case, owner, chance), asking, other)
                    tell()

            each()

    def _send(self, case: Case, asking: Somebody, other: Somebody) -> None:
        label = f"{case.method} {case.path}"
        try:
            response = case.call(
                base_url=self._url, session=self._http, headers=asking.headers, timeout=LONGEST_S, allow_redirects=False
            )
        except requests.exceptions.Timeout:
            self._book.note("No answer in time", label, "", _shown(case))
            return
        except (requests.exceptions.InvalidHeader, requests.exceptions.InvalidURL, UnicodeError):
            self._book.sent["not sendable"] += 1
            return
        headers = {name: ", ".join(values) for name, values in response.headers.items()}
        answer = Answer(response.status_code, headers, response.content)
        may_fail = isinstance(case.body, dict) and case.body.get("model") in ("broken", "gone")
        judge(self._book, label, _shown(case), answer, other.marker, may_fail=may_fail)
        if response.status_code >= 500 or answer.body == NO_HTTP:
            return
        try:
            case.validate_response(response, checks=CHECKED)
        except (FailureGroup, AssertionError) as exc:
            for failure in getattr(exc, "exceptions", (exc,)):
                self._book.note(type(failure).__name__, label, str(failure), _shown(case))


def aimed(case: Case, owner: Somebody, chance: random.Random) -> Case:
    """The same request at somebody's things, and at models that there are."""
    path = {
        name: owner.any_id(name, chance) if name in owner.ids else value
        for name, value in (case.path_parameters or {}).items()
    }
    return case.operation.Case(
        method=case.method,
        path_parameters=path,
        headers=case.headers,
        query=_with_ids(case.query, owner, chance),
        body=_with_ids(case.body, owner, chance),
        media_type=case.media_type,
    )


def _with_ids(value: Any, owner: Somebody, chance: random.Random) -> Any:
    if not isinstance(value, dict):
        return value
    changed = dict(value)
    for name in value:
        if name == "model" and chance.random() < 0.8:
            changed[name] = chance.choice(OUR_MODELS)
        elif name in ID_FIELDS and chance.random() < 0.8:
            found = owner.any_id(ID_FIELDS[name], chance)
            changed[name] = [found] if isinstance(value[name], list) else found
    return changed


def _shown(case: Case) -> str:
    parts = {"path": case.path_parameters, "query": case.query, "headers": case.headers, "body": case.body}
    told = " ".join(f"{name}={dict(part) if name == 'headers' else part!r}" for name, part in parts.items() if part)
    return f"{case.method} {case.path} {told}"
