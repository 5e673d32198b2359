"""Whatever a provider does, a client is told in time and in OpenAI's shape, and the turn is kept: each fault, on each lane, both ways."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.api.house import House, Person, open_house
from tests.doubles.running import free_port
from tests.upstream.faults.faults import MOST_MB, ROWS, Outcome, Row
from tests.upstream.faults.provider import GOOD, TEXT, Provider, faulty

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")

LANES = ("native", "raw", "litellm")
KEY = "sk-of-the-provider-0123456789"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with faulty() as provider:
        yield provider


@pytest.fixture(scope="module")
def house(provider: Provider) -> Iterator[House]:
    """Gives a provider a second."""
    with over(provider, first_token_s=1.0, idle_s=1.0, whole_s=1.0) as opened:
        yield opened


@pytest.fixture(scope="module")
def patient(provider: Provider) -> Iterator[House]:
    """Gives a provider as much time as it needs."""
    with over(provider) as opened:
        yield opened


@contextmanager
def over(provider: Provider, **waits: float) -> Iterator[House]:
    """A house with each lane to the provider, alone and with another model to fall back on, and one that nobody listens for."""

    def entry(name: str, lane: str, base: str) -> dict[str, Any]:
        params = {"model": "openai/faulty", "api_base": base, "api_key": KEY, "extra_headers": {"x-api-key": KEY}}
        return {"model_name": name, "litellm_params": params, "model_info": {"lane": lane}}

    entries = [entry(lane, lane, f"{provider.url}/v1") for lane in LANES]
    entries += [entry(f"{lane} or another", lane, f"{provider.url}/v1") for lane in LANES]
    entries += [entry(f"{lane} to nobody", lane, f"http://127.0.0.1:{free_port()}/v1") for lane in LANES]
    claude = {"model": "anthropic/claude-sonnet-4-5", "api_base": f"{provider.url}/v1", "api_key": KEY}
    entries.append({"model_name": "another header", "litellm_params": claude})
    entries.append(entry("another", "raw", f"{provider.url}{GOOD}/v1"))
    upstream = {
        "answer_mb": MOST_MB,
        "fallbacks": {f"{lane} or another": ["another"] for lane in LANES},
        "breaker_failures": 1000,
        **waits,
    }
    with open_house(model_list=entries, routing={"policy": "follow"}, upstream=upstream) as opened:
        opened.key("keeper")
        yield opened


def asked(ada: Person, model: str, *, streams: bool) -> tuple[int, str, dict[str, Any] | None]:
    """The status, the text and the error of an answer."""
    body = {"model": model, "stream": streams, "messages": [{"role": "user", "content": "Hello"}]}
    body |= {"stream_options": {"include_usage": True}} if streams else {}
    answer = ada.send("POST", "/v1/chat/completions", body)
    if answer.status_code != 200:
        return answer.status_code, "", answer.json()["error"]
    if not streams:
        return 200, strictly(answer.text)["choices"][0]["message"]["content"], None
    events = [strictly(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    error = next((one["error"] for one in events if "error" in one), None)
    assert ("data: [DONE]" in answer.text) is (error is None)
    return 200, "".join(c["delta"].get("content") or "" for one in events for c in one.get("choices", ())), error


def strictly(text: str) -> dict[str, Any]:
    """JSON as the standard has it, and no more than that. Raises ValueError."""

    def refused(constant: str) -> None:
        raise ValueError(constant)

    value: dict[str, Any] = json.loads(text, parse_constant=refused)
    json.dumps(value, ensure_ascii=False).encode()  # fails for halves of characters
    return value


def largest_mb() -> float:
    """The most memory that this process has ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def stored(house: House, ada: Person) -> str:
    """The state of the last thing that is kept."""
    house.settle()
    ((state,),) = house.rows(
        "SELECT n.state FROM nodes n JOIN trees t ON t.id = n.tree_id WHERE t.user_id = ? ORDER BY n.seq DESC LIMIT 1",
        ada.user,
    )
    return str(state)


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_provider_that(
    request: pytest.FixtureRequest, provider: Provider, row: Row, lane: str, streams: bool
) -> None:
    house = request.getfixturevalue("patient" if row.takes_long else "house")
    provider.fault = row.fault
    provider.heads.clear()
    ada, expected = house.person(), row.outcome(streams=streams)
    before = largest_mb()
    status, text, error = asked(ada, lane, streams=streams)
    got = Outcome(status, error and error["code"], breaks=error is not None and status == 200, text=expected.text)
    assert (got, stored(house, ada)) == (expected, expected.kept), error
    assert not expected.is_whole or text == expected.text
    assert KEY not in str(error)
    assert len(provider.heads) == 1, "it was asked again"
    assert largest_mb() - before < 25 * MOST_MB, "it held far more of the answer than an answer may have"


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("row", [row for row in ROWS if not row.takes_long], ids=lambda row: row.name)
def test_another_model_answers_unless_something_was_passed_on_for_a_provider_that(
    house: House, provider: Provider, row: Row, streams: bool
) -> None:
    provider.fault = row.fault
    ada, expected = house.person(), row.outcome(streams=streams)
    status, text, error = asked(ada, "native or another", streams=streams)
    assert (status, error is None) == (200, not expected.breaks)
    assert expected.breaks or text in (TEXT, expected.text)
    assert stored(house, ada) == ("interrupted" if expected.breaks else "whole")


@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("lane", LANES)
def test_a_provider_that_refuses_the_connection(house: House, lane: str, streams: bool) -> None:
    ada = house.person()
    status, _, error = asked(ada, f"{lane} to nobody", streams=streams)
    assert (status, error and "cannot be reached" in error["message"]) == (502, True)
    assert stored(house, ada) == "unanswered"


@pytest.mark.parametrize("status", ["302 Found", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("streams", [False, True], ids=["plain", "streamed"])
@pytest.mark.parametrize("lane", [*LANES, "another header"])
def test_a_redirect_is_not_followed_and_takes_no_key_along(
    house: House, provider: Provider, lane: str, streams: bool, status: str
) -> None:
    with faulty() as elsewhere:
        there = elsewhere.url.replace("127.0.0.1", "localhost")
        provider.fault = lambda wire: wire.answer(status=status, location=f"{there}{GOOD}/v1/chat/completions")
        ada = house.person()
        told, _, error = asked(ada, lane, streams=streams)
        assert elsewhere.heads == []
    assert (told, stored(house, ada)) == (502, "unanswered")
    assert error is not None
    assert there not in error["message"]


@pytest.mark.parametrize("name", [row.name for row in ROWS])
def test_the_readme_tells_what_becomes_of_each(name: str) -> None:
    section = README.partition("### Faults of providers\n")[2].partition("\n#")[0]
    assert f"| {name} |" in section or f"| {name} (" in section
