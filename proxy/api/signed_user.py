"""The sub-user of an `app` key, named by a signed token: what a frontend says of who speaks, and nobody on the way can change.

Open WebUI sends such a token with `FORWARD_USER_INFO_HEADER_JWT_SECRET`: HS256, `sub` is its user's id, and it lives for minutes. Only
that one algorithm is taken, so a token that claims to need no signature is no token.

Source: RFC 7519 (JSON Web Token); RFC 7518, section 3.2 (the length of a secret).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from proxy.errors import ConfigError, Unauthenticated

SECRET_BYTES = 32
"""The shortest secret for HS256."""
CLOCKS_APART_S = 30
"""How far the frontend's clock may be from this machine's."""


@dataclass(frozen=True, slots=True)
class SignedUsers:
    """Where tokens come, and what they are signed with."""

    headers: Sequence[str]
    """In lower case."""
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < SECRET_BYTES:
            raise ConfigError(
                f"clients.user_jwt_secret has {len(self.secret)} bytes; it needs at least {SECRET_BYTES}."
            )

    def user(self, headers: Mapping[str, str]) -> str | None:
        """Who is named; `None` where no token came.

        Raises Unauthenticated for a token that is forged, out of date or names nobody.
        """
        token = next((value for name in self.headers if (value := headers.get(name, "").strip())), None)
        if token is None:
            return None
        import jwt  # noqa: PLC0415 - loads cryptography, which a server without such tokens does without

        try:
            claims = jwt.decode(
                token,
                self.secret,
                algorithms=["HS256"],
                leeway=CLOCKS_APART_S,
                options={"require": ["exp", "sub"], "verify_aud": False},
            )
        except jwt.PyJWTError as exc:
            raise Unauthenticated(f"The token that names the user cannot be trusted: {exc}.") from exc
        if not claims["sub"]:
            raise Unauthenticated("The token that names the user names nobody.")
        return str(claims["sub"])
