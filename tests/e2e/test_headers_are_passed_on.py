"""Session headers of clients on their way to the provider: those that the configuration names, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, Served, serving

HELLO = [{"role": "user", "content": "Hello"}]
LANES = ("native", "litellm", "raw")


@pytest.fixture(scope="module")
def laned(tmp_path_factory: pytest.TempPathFactory, upstream_process: UpstreamDouble) -> Iterator[Served]:
    """A server with a model for each lane."""
    entries = [
        {
            "model_name": lane,
            "litellm_params": {
                "model": "openai/gpt-test",
                "api_base": upstream_process.base_url,
                "api_key": UPSTREAM_KEY,
                "extra_headers": {"X-Fixed": "ours"},
            },
            "model_info": {"max_input_tokens": 32_000, "lane": lane},
        }
        for lane in LANES
    ]
    settings = {
        "model_list": entries,
        "clients": {"pass_on": ["X-Session-Affinity", "x-fixed"]},
    }
    with serving(tmp_path_factory.mktemp("laned"), upstream_process, settings) as served:
        served.key("keeper")
        yield served


def passed(served: Served, upstream: UpstreamDouble, model: str, **headers: str) -> dict[str, str]:
    """What the provider got when a client sent these headers."""
    key, _ = served.key()
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    served.client(key).chat.completions.create(model=model, messages=HELLO, extra_headers=sent)
    got: dict[str, Any] = upstream.requests()[-1]["headers"]
    return {name.lower(): value for name, value in got.items()}


@pytest.mark.parametrize("lane", LANES)
def test_a_named_header_reaches_the_provider_and_no_other_does(laned: Served, upstream, lane: str) -> None:
    got = passed(laned, upstream, lane, x_session_affinity="ses_1", x_secret="mine", cookie="a=b")
    assert got["x-session-affinity"] == "ses_1"
    assert {"x-secret", "cookie"} & set(got) == set()
    assert got["authorization"] == f"Bearer {UPSTREAM_KEY}"


@pytest.mark.parametrize("lane", LANES)
def test_what_is_configured_for_a_model_wins_over_the_client(laned: Served, upstream, lane: str) -> None:
    got = passed(laned, upstream, lane, x_fixed="theirs")
    assert got["x-fixed"] == "ours"


@pytest.mark.parametrize("lane", LANES)
def test_a_helper_request_keeps_its_session_too(laned: Served, upstream, lane: str) -> None:
    got = passed(laned, upstream, f"{lane}:off", x_session_affinity="ses_1")
    assert got["x-session-affinity"] == "ses_1"


@pytest.mark.parametrize("value", ["", "x" * 201])
def test_a_value_that_is_no_session_is_not_passed_on(laned: Served, upstream, value: str) -> None:
    assert "x-session-affinity" not in passed(laned, upstream, "native", x_session_affinity=value)


def test_without_configuration_a_session_of_opencode_is_passed_on(graft: Served, upstream) -> None:
    got = passed(graft, upstream, "gpt-test", x_opencode_session="ses_1", x_session_affinity="ses_1", x_session_id="1")
    assert (got["x-opencode-session"], got["x-session-affinity"], "x-session-id" in got) == ("ses_1", "ses_1", False)
