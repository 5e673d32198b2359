"""Every error that Graft raises on purpose.

    ProxyError
    |-- ConfigError               the operator must change the configuration
    |-- InvalidRequest            the client must change the request
    |   |-- RequestTooLarge
    |   |-- TooSlow
    |   `-- ContextTooSmall       the new turn alone does not fit the model's window
    |-- Unauthenticated           no key, or a key nobody gave out
    |-- Forbidden                 a known caller may not do this
    |-- RateLimited               a known caller has asked enough for now
    |-- Overloaded                the server answers as many requests as it can
    |-- NotFound                  unknown here, or another user's: nobody is told which
    |   `-- ModelNotFound
    |-- StoreError                the database could not do its part
    |   |-- StoreUnavailable      for the moment: locked, full, read-only or damaged
    |   `-- Overtaken             the same request was begun elsewhere meanwhile
    |-- ClientLeft                nobody is there to be answered
    |-- ScorerFailed              a model asked beside the road gave nothing that can be used
    `-- UpstreamError             the model provider answered with an error
        |-- ContextLengthExceeded
        |-- UpstreamUnreachable
        |   `-- UpstreamResting     it was not asked, for it has failed lately
        `-- UpstreamTimeout

Families are named by who can act. Errors carry facts as attributes and no HTTP; `api/errors.py` is the one map from here
to OpenAI's error body.
"""

from __future__ import annotations

from collections.abc import Mapping


class ProxyError(Exception):
    """The root of all errors that Graft raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(ProxyError):
    """The configuration cannot be used as it stands."""


class InvalidRequest(ProxyError):
    """The request is not one that Graft can carry out; nothing was stored."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """The field at fault, as a path such as `messages[2].role`."""
        self.code = code


class RequestTooLarge(InvalidRequest):
    """The body is larger than the configured limit."""


class TooSlow(InvalidRequest):
    """The request took too long to arrive."""


class ContextTooSmall(InvalidRequest):
    """The new turn alone exceeds the model's input window."""

    def __init__(self, message: str, *, needed_tokens: int, budget_tokens: int) -> None:
        super().__init__(message, param="messages", code="context_length_exceeded")
        self.needed_tokens = needed_tokens
        self.budget_tokens = budget_tokens


class Unauthenticated(ProxyError):
    """The request names no key, or one that does not exist or was revoked."""


class Forbidden(ProxyError):
    """A known caller may not do this."""


class RateLimited(ProxyError):
    """A key has asked as much as it may for now."""

    def __init__(
        self, message: str, *, kind: str, retry_after_s: float, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.type = kind
        """`requests` or `tokens`: what there was too much of."""
        self.code = "rate_limit_exceeded"
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})


class Overloaded(ProxyError):
    """The server is busy with as much as it can do at once."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.code = "overloaded"
        self.retry_after_s = retry_after_s


class NotFound(ProxyError):
    """The thing does not exist for this caller."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


class ModelNotFound(NotFound):
    """No configured model has this name."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {model!r} does not exist here. GET /v1/models lists the models that do.",
            param="model",
            code="model_not_found",
        )
        self.model = model


class StoreError(ProxyError):
    """The database could not do what it was asked."""


class StoreUnavailable(StoreError):
    """The database cannot be used for the moment: locked, full or read-only."""

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClientLeft(ProxyError):
    """The client has left before its answer was there. Nobody is told; it stands in the log, and with the turn."""


class ScorerFailed(ProxyError):
    """A model that was asked beside the road gave no answer that can be used. Never leaves Graft: what needs no model stands instead."""


class Overtaken(StoreError):
    """Another process has begun to answer the same request; nothing was stored of this one."""

    def __init__(self) -> None:
        super().__init__("The same request was begun elsewhere.")


class UpstreamError(ProxyError):
    """The provider answered with an error, or with nothing that can be used."""

    def __init__(
        self,
        message: str,
        *,
        model: str,
        status: int = 502,
        code: str | None = None,
        type: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.model = model
        """The model's name as the client knows it."""
        self.status = status
        """The provider's HTTP status, or 502/504 where there was none."""
        self.code = code
        self.type = type
        """OpenAI's error type as the provider gave it, such as `rate_limit_error`."""
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers = dict(headers or {})
        """The provider's rate-limit headers, to be passed on."""
        self.lane = ""
        """On which it was asked; empty where it was not."""


class ContextLengthExceeded(UpstreamError):
    """The provider says that the context does not fit the model."""


class UpstreamUnreachable(UpstreamError):
    """No connection to the provider, or it broke before the first byte."""


class UpstreamResting(UpstreamUnreachable):
    """The provider was not asked: it has failed lately, and is left alone for a moment."""


class UpstreamTimeout(UpstreamError):
    """The provider did not answer in time."""
