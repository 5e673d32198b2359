"""Who sends a request, and whether it is a helper request: told from its shape, by rules that are configuration.

Frontends and coding agents ask for titles, tags, completions and commit messages behind their user's back. Where a client says so
itself (`Client.task`), that is enough. Otherwise a rule decides, and a rule needs at least two signs that agree: what begins with
"### Task:" is a user's own words unless something else says that it is not. Agents that keep their own account of what the model
gets are known by one sign, since no harm comes of following a client.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from proxy.domain.fingerprint import fold_text
from proxy.domain.placement import Policy
from proxy.domain.turn import Turn

HEAD = 600
"""Letters in which an opening is looked for. Openings are compared with white space folded, since templates are indented freely."""

FRONT = 4_000
"""Letters of the system text in which phrases are looked for: a program says at the front what it is."""

TEXTS = ("starts_with", "contains", "first_starts_with", "system_starts_with", "system_contains", "tools")
"""Signs that say something of the prompt itself."""
COUNTED = ("contains", "system_contains", "tools")
"""Signs of which each entry has to be there."""


@dataclass(frozen=True, slots=True)
class HelperRule:
    """Signs of one kind of helper request; all that are given must be there."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    name: str
    """Told to the client in `x-graft-aside`, and counted."""
    starts_with: tuple[str, ...] = ()
    """The last message, a user's, begins with one of these."""
    contains: tuple[str, ...] = ()
    """It holds each of these, and each is a sign."""
    first_starts_with: tuple[str, ...] = ()
    """The first message, system text left out, begins with one of these."""
    system_starts_with: tuple[str, ...] = ()
    """The system text begins with one of these."""
    system_contains: tuple[str, ...] = ()
    """It holds each of these, and each is a sign."""
    user_agent: tuple[str, ...] = ()
    """The client's `User-Agent` holds one of these."""
    tools: tuple[str, ...] = ()
    """Each of these tools is on offer."""
    single_message: bool = False
    """Nothing else was said: one message beside system text."""
    plain: bool = False
    """The answer is not streamed."""
    asks_json: bool = False
    """`response_format` asks for JSON."""
    max_tokens_at_most: int | None = None
    """The reply is limited to so many tokens, or fewer."""

    def __post_init__(self) -> None:
        """Raises ValueError for a rule that would take users' own words for a helper request."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "name"}
        signs = {name: value for name, value in given.items() if value not in ((), False, None)}
        if sum(len(value) if name in COUNTED else 1 for name, value in signs.items()) < 2:
            raise ValueError(f"the rule {self.name!r} needs two signs that agree")
        if not any(name in signs for name in TEXTS):
            raise ValueError(f"the rule {self.name!r} needs a sign of the prompt itself: one of {', '.join(TEXTS)}")


@dataclass(frozen=True, slots=True)
class Profile:
    """A client that keeps its own account of the model's context, and what that means for placement. One sign is enough."""

    __pydantic_config__: ClassVar[Mapping[str, str]] = {"extra": "forbid"}

    name: str
    """Told to the client in `x-graft-client`."""
    policy: Policy = "follow"
    """Where neither the request nor its key says anything, and placement is on."""
    user_agent: tuple[str, ...] = ()
    """The `User-Agent` holds one of these."""
    headers: tuple[str, ...] = ()
    """One of these headers is there."""
    system_starts_with: tuple[str, ...] = ()
    """The system text begins with one of these."""
    system_contains: tuple[str, ...] = ()
    """It holds one of these."""


class Shape:
    """What rules read of a request; each text is folded once, as far as the longest opening reaches."""

    def __init__(self, turn: Turn, words: int) -> None:
        """`words`: how many of an opening are looked at."""
        system, first, last = turn.system, turn.said[0], turn.said[-1]
        self.count = len(turn.said)
        self.plain = not turn.stream
        self.agent = turn.client.agent.lower()
        self.marks = turn.client.marks
        self.last = last.text if last.role == "user" else ""
        self.head = _head(self.last, words)
        self.first_head = self.head if self.count == 1 else _head(first.text, words)
        text = system[0].text if len(system) == 1 else "\n\n".join(message.text for message in system)
        self.system = text[:FRONT]
        self.system_head = _head(self.system, words)
        self._options = turn.options

    @property
    def asks_json(self) -> bool:
        wanted = self._options.get("response_format")
        return isinstance(wanted, Mapping) and wanted.get("type") in ("json_object", "json_schema")

    @property
    def max_tokens(self) -> int | None:
        limit = self._options.get("max_completion_tokens") or self._options.get("max_tokens")
        return limit if isinstance(limit, int) else None

    @property
    def tools(self) -> frozenset[str]:
        offered: Any = self._options.get("tools")
        functions = [tool.get("function") for tool in offered or () if isinstance(tool, Mapping)]
        return frozenset(str(one.get("name")) for one in functions if isinstance(one, Mapping))


class Clients:
    """The rules and profiles of one server."""

    def __init__(self, helpers: Sequence[HelperRule] = (), profiles: Sequence[Profile] = ()) -> None:
        self._helpers = tuple(replace(rule, user_agent=_lower(rule.user_agent)) for rule in helpers)
        self._profiles = tuple(
            replace(profile, user_agent=_lower(profile.user_agent), headers=_lower(profile.headers))
            for profile in profiles
        )
        self._unopened = tuple(rule for rule in self._helpers if not _openings(rule))
        """Rules that say nothing of how a text begins; of the others none fits where no beginning does."""
        self._heads = tuple(one for rule in self._helpers for one in rule.starts_with)
        self._first_heads = tuple(one for rule in self._helpers for one in rule.first_starts_with)
        self._system_heads = tuple(one for rule in self._helpers for one in rule.system_starts_with)
        self._any = Profile(
            "any",
            user_agent=tuple(one for profile in self._profiles for one in profile.user_agent),
            headers=tuple(one for profile in self._profiles for one in profile.headers),
            system_starts_with=tuple(one for profile in self._profiles for one in profile.system_starts_with),
            system_contains=tuple(one for profile in self._profiles for one in profile.system_contains),
        )
        """The signs of all of them: whoever has none of these is nobody known."""
        openings = self._heads + self._first_heads + self._system_heads + self._any.system_starts_with
        self._words = max((len(one.split()) + 1 for one in openings), default=0)

    def known(self, turn: Turn) -> tuple[str | None, Profile | None]:
        """What kind of helper request this is, if it is one, and who sends it, if that is known.

        Whoever names a parent wants to be in the tree.
        """
        if not self._helpers and not self._profiles:
            return (turn.client.task if turn.parent is None else None), None
        shape = Shape(turn, self._words)
        profile = None
        if _known(self._any, shape):
            profile = next(profile for profile in self._profiles if _known(profile, shape))
        if turn.parent is not None or turn.client.task is not None:
            return (turn.client.task if turn.parent is None else None), profile
        is_opened = (
            shape.head.startswith(self._heads)
            or shape.first_head.startswith(self._first_heads)
            or shape.system_head.startswith(self._system_heads)
        )
        rules = self._helpers if is_opened else self._unopened
        return next((rule.name for rule in rules if _helps(rule, shape)), None), profile

    def helper(self, turn: Turn) -> str | None:
        """What kind of helper request this is; `None` for a turn."""
        return self.known(turn)[0]

    def profile(self, turn: Turn) -> Profile | None:
        """The client, if it is a known one."""
        return self.known(turn)[1]


def _head(text: str, words: int) -> str:
    """The first words of a text, folded; more of them where they are not ASCII alone."""
    head = text[:HEAD]
    return " ".join(head.split(None, words)[:words]) if head.isascii() else fold_text(head)


def _openings(rule: HelperRule) -> tuple[str, ...]:
    return rule.starts_with + rule.first_starts_with + rule.system_starts_with


def _helps(rule: HelperRule, shape: Shape) -> bool:
    """All signs of a rule, the cheapest first."""
    if (rule.single_message and shape.count != 1) or (rule.plain and not shape.plain):
        return False
    if rule.starts_with and not shape.head.startswith(rule.starts_with):
        return False
    if rule.first_starts_with and not shape.first_head.startswith(rule.first_starts_with):
        return False
    if rule.system_starts_with and not shape.system_head.startswith(rule.system_starts_with):
        return False
    if rule.user_agent and not _one_in(rule.user_agent, shape.agent):
        return False
    if rule.max_tokens_at_most is not None and not _at_most(shape.max_tokens, rule.max_tokens_at_most):
        return False
    if (rule.asks_json and not shape.asks_json) or (rule.tools and not shape.tools.issuperset(rule.tools)):
        return False
    return _holds(shape.last, rule.contains) and _holds(shape.system, rule.system_contains)


def _known(profile: Profile, shape: Shape) -> bool:
    return (
        _one_in(profile.user_agent, shape.agent)
        or not shape.marks.isdisjoint(profile.headers)
        or bool(profile.system_starts_with and shape.system_head.startswith(profile.system_starts_with))
        or _one_in(profile.system_contains, shape.system)
    )


def _one_in(phrases: Sequence[str], text: str) -> bool:
    if text:
        for phrase in phrases:
            if phrase in text:
                return True
    return False


def _lower(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def _at_most(limit: int | None, most: int) -> bool:
    return limit is not None and limit <= most


def _holds(text: str, phrases: Sequence[str]) -> bool:
    return all(phrase in text for phrase in phrases)
