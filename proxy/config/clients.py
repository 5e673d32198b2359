"""What clients say in headers, and how their requests are known."""

from __future__ import annotations

from typing import TypeVar

from pydantic import SecretStr, field_validator, model_validator

from proxy.chat.clients.known import HELPERS, PROFILES
from proxy.chat.clients.rules import HelperRule, Profile
from proxy.config.section import Section

NEVER_PASSED_ON = frozenset(
    {
        *("authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "host", "origin"),
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "accept-encoding", "expect"),
    }
)
"""Headers that hold keys, or that belong to one connection (RFC 9110, section 7.6.1)."""

Named = TypeVar("Named", HelperRule, Profile)


class ClientSettings(Section):
    conversation_headers: tuple[str, ...] = (
        "x-openwebui-chat-id",
        "x-librechat-conversation-id",
        "x-opencode-session",
        "x-session-id",
        "x-claude-code-session-id",
        "thread-id",
        "session-id",
    )
    """Headers in which clients name their chat: they narrow the search for the cursor and never authorise."""
    message_headers: tuple[str, ...] = ("x-openwebui-user-message-id",)
    """Headers in which clients name the user's message."""
    parent_headers: tuple[str, ...] = ("x-openwebui-user-message-parent-id", "x-librechat-parent-message-id")
    """Headers in which they name the message that it answers."""
    reply_headers: tuple[str, ...] = ("x-openwebui-message-id", "x-librechat-message-id")
    """Headers in which they name the reply to come."""
    user_headers: tuple[str, ...] = ("x-graft-user", "x-openwebui-user-id", "x-librechat-user-id")
    """Headers in which the holder of an `app` key names its sub-user; ignored for `person` keys."""
    user_jwt_headers: tuple[str, ...] = ("x-openwebui-user-jwt",)
    """Headers with a signed token whose `sub` names the sub-user."""
    user_jwt_secret: SecretStr | None = None
    """What the tokens are signed with (HS256): `os.environ/NAME`. With it, sub-users are named in no other way."""
    pass_on: tuple[str, ...] = ("x-session-affinity", "x-opencode-session")
    """Headers of the client that go to the provider as they came; no others do."""
    task_headers: tuple[str, ...] = ("x-graft-task", "x-openwebui-task")
    """Headers in which clients say that a request is a helper's: any value but an empty one."""
    subagent_headers: tuple[str, ...] = (
        "x-openai-subagent",
        "x-openai-memgen-request",
        "x-parent-session-id",
        "x-claude-code-agent-id",
    )
    """Headers that are there when a sub-agent asks."""
    task_models: tuple[str, ...] = ()
    """Names of `model_list` that answer helper requests only."""
    helpers: tuple[HelperRule, ...] = HELPERS
    """Helper requests known by their shape; the shipped ones, those of the same name replaced, others added."""
    helpers_off: tuple[str, ...] = ()
    """Names of rules that are not used."""
    profiles: tuple[Profile, ...] = PROFILES
    """Known clients; merged like `helpers`."""
    profiles_off: tuple[str, ...] = ()
    """Names of profiles that are not used."""

    @field_validator("pass_on")
    @classmethod
    def _harmless(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.lower() in NEVER_PASSED_ON or name.lower().startswith(("x-graft-", "content-", "proxy-")):
                raise ValueError(f"{name!r} is never passed on")
        return names

    @field_validator("helpers")
    @classmethod
    def _with_shipped_helpers(cls, own: tuple[HelperRule, ...]) -> tuple[HelperRule, ...]:
        return _merged(HELPERS, own)

    @field_validator("profiles")
    @classmethod
    def _with_shipped_profiles(cls, own: tuple[Profile, ...]) -> tuple[Profile, ...]:
        return _merged(PROFILES, own)

    @model_validator(mode="after")
    def _known_names(self) -> ClientSettings:
        for key, off, known in (
            ("helpers_off", self.helpers_off, self.helpers),
            ("profiles_off", self.profiles_off, self.profiles),
        ):
            if unknown := sorted(set(off) - {one.name for one in known}):
                raise ValueError(f"{key} names {unknown[0]!r}, and there is none of that name")
        return self


def _merged(shipped: tuple[Named, ...], own: tuple[Named, ...]) -> tuple[Named, ...]:
    """The shipped rules, those of the same name replaced, and the others behind them."""
    given = {rule.name: rule for rule in own}
    known = {rule.name for rule in shipped}
    return tuple([given.get(rule.name, rule) for rule in shipped] + [rule for rule in own if rule.name not in known])
