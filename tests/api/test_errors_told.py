"""Every error of ours becomes OpenAI's body, with its status, and what a client needs to act on it."""

from __future__ import annotations

import pytest

from proxy import errors
from proxy.api.errors import body_of, headers_of, status_of
from tests.api.house import House, Person

MODEL = {"model": "m"}


@pytest.mark.parametrize(
    ("error", "status", "type", "code"),
    [
        (errors.InvalidRequest("x"), 400, "invalid_request_error", None),
        (errors.RequestTooLarge("x"), 413, "invalid_request_error", "request_too_large"),
        (
            errors.ContextTooSmall("x", needed_tokens=2, budget_tokens=1),
            400,
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (errors.Unauthenticated("x"), 401, "authentication_error", "invalid_api_key"),
        (errors.Forbidden("x"), 403, "permission_error", None),
        (errors.NotFound("x"), 404, "invalid_request_error", "not_found"),
        (errors.ModelNotFound("m"), 404, "invalid_request_error", "model_not_found"),
        (errors.StoreError("x"), 500, "server_error", None),
        (errors.StoreUnavailable("x"), 503, "server_error", None),
        (errors.ConfigError("x"), 500, "server_error", None),
        (errors.UpstreamError("x", **MODEL), 502, "server_error", None),
        (errors.UpstreamTimeout("x", **MODEL, status=504), 504, "server_error", None),
        (errors.UpstreamError("x", **MODEL, status=429), 429, "rate_limit_error", None),
        (errors.UpstreamError("x", **MODEL, status=429, type="insufficient_quota"), 429, "insufficient_quota", None),
        (errors.UpstreamError("x", **MODEL, status=422, code="bad"), 422, "invalid_request_error", "bad"),
        (errors.UpstreamError("x", **MODEL, status=529), 529, "server_error", None),
    ],
)
def test_the_map_from_errors_to_openais_body(
    error: errors.ProxyError, status: int, type: str, code: str | None
) -> None:
    assert status_of(error) == status
    told = body_of(error)["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert (told["message"], told["type"], told["code"]) == (error.message, type, code)


def test_the_field_at_fault_is_named() -> None:
    assert body_of(errors.InvalidRequest("x", param="messages[2].role"))["error"]["param"] == "messages[2].role"
    assert body_of(errors.ModelNotFound("m"))["error"]["param"] == "model"
    assert body_of(errors.UpstreamError("x", **MODEL, param="tools"))["error"]["param"] == "tools"


@pytest.mark.parametrize(("wait_s", "told"), [(0.2, "1"), (7.0, "7"), (0.0, "0"), (None, None), (float("inf"), None)])
def test_a_client_is_told_how_long_to_wait_in_whole_seconds(wait_s: float | None, told: str | None) -> None:
    error = errors.UpstreamError("x", **MODEL, status=429, retry_after_s=wait_s, headers={"x-ratelimit-reset": "1s"})
    headers = headers_of(error)
    assert headers.get("retry-after") == told
    assert headers["x-ratelimit-reset"] == "1s"
    assert headers_of(errors.StoreUnavailable("x")) == {"retry-after": "1"}
    assert headers_of(errors.InvalidRequest("x")) == {}


def test_the_frameworks_own_refusals_have_the_same_shape(ada: Person) -> None:
    unknown = ada.refused("GET", "/v1/nothing", status=404)
    assert "GET /v1/nothing" in unknown["message"]
    assert "does not take DELETE" in ada.refused("DELETE", "/v1/models", status=405)["message"]


def test_the_unforeseen_is_logged_and_told_without_details(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the secret of the trade")

    monkeypatch.setattr(house.store, "recognise", broken)
    body = {"model": "mirror", "messages": [{"role": "user", "content": "Hi"}]}
    error = ada.refused("POST", "/v1/chat/completions", body, status=500)
    assert "secret" not in error["message"]
    assert error["type"] == "server_error"
    assert "the secret of the trade" in caplog.text


def test_a_store_that_cannot_be_used_for_the_moment_says_when_to_come_again(
    house: House, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def locked(*_: object, **__: object) -> None:
        raise errors.StoreUnavailable("The database is locked.", retry_after_s=2.5)

    monkeypatch.setattr(house.store, "open_turn", locked)
    body = {"model": "mirror", "messages": [{"role": "user", "content": "Hi"}]}
    answer = ada.send("POST", "/v1/chat/completions", body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
