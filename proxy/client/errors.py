"""What a server's refusal becomes in a program: one exception, with OpenAI's fields."""

from __future__ import annotations

import json
from typing import Any


class GraftError(Exception):
    """The server said no, or could not be understood.

    `status` is HTTP's, `code` and `param` are those of the error body, where it had them.
    """

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(f"{message} ({status})")
        self.status = status
        self.message = message
        self.code = code
        self.param = param


class NotFound(GraftError):
    """Unknown there, or another user's: nobody is told which."""


def refusal(status: int, content: bytes) -> GraftError:
    """The exception for an answer that is an error."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    return told(status, body.get("error") if isinstance(body, dict) else None)


def told(status: int, error: Any) -> GraftError:
    """The exception for an error object in OpenAI's shape."""
    fields = error if isinstance(error, dict) else {}
    message = str(fields.get("message") or "The server answered with no word of explanation.")
    kind = NotFound if status == 404 else GraftError
    return kind(status, message, code=fields.get("code"), param=fields.get("param"))
