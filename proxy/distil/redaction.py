"""Secrets taken out of a text before it is remembered: passwords, keys and tokens, as `detect-secrets` knows them.

The detectors of that library for tokens with a shape of their own run as they are. Two that were made for source code are asked
with more care, since most of what is remembered is prose: a word such as "password" makes a secret only of something that looks like
one behind it, and a string counts as random only when it is long, holds digits and letters, and is no address. What has no shape and no
such word beside it (a password in a sentence about something else) is not found.

The library is imported at the first use: that takes a quarter of a second and more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

SHAPED: Final = (
    ("aws", "AWSKeyDetector"),
    ("azure_storage_key", "AzureStorageKeyDetector"),
    ("basic_auth", "BasicAuthDetector"),
    ("discord", "DiscordBotTokenDetector"),
    ("github_token", "GitHubTokenDetector"),
    ("gitlab_token", "GitLabTokenDetector"),
    ("jwt", "JwtTokenDetector"),
    ("mailchimp", "MailchimpDetector"),
    ("npm", "NpmDetector"),
    ("openai", "OpenAIDetector"),
    ("pypi_token", "PypiTokenDetector"),
    ("sendgrid", "SendGridDetector"),
    ("slack", "SlackDetector"),
    ("square_oauth", "SquareOAuthDetector"),
    ("stripe", "StripeDetector"),
    ("telegram_token", "TelegramBotTokenDetector"),
    ("twilio", "TwilioKeyDetector"),
)
"""Modules and classes below `detect_secrets.plugins`. Left out: IP addresses, and services whose tokens look like any other word."""

ENTROPY: Final = 4.5
"""Bits a letter from which a string is random: the library's own limit for base 64."""
LENGTH: Final = 24
"""Letters of the shortest string that is looked at for that."""

PIECE: Final = 2_000
"""Letters of a line that are looked at together."""
OVERLAP: Final = 600
"""Letters that one piece shares with the next, so that a secret stands whole in one of them."""

_KEY_BLOCK: Final = re.compile(
    r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL
)
_LONG: Final = re.compile(rf"[A-Za-z0-9_\-+/=]{{{LENGTH},}}")
_SPOKEN: Final = re.compile(r"(?<=\w) (?:is|was|ist|lautet|est|es) (?=[\"'`]?\S)", re.IGNORECASE)
_OURS: Final = re.compile(r"(?:n|t|c|m|a|call|chatcmpl)[_-]\w{22,}")


class Redacted(NamedTuple):
    """A text without its secrets."""

    text: str
    found: int
    """How many were taken out."""


def redact(text: str) -> Redacted:
    """Take the secrets out of a text; what each was stands in its place."""
    text, count = _KEY_BLOCK.subn("[redacted: Private Key]", text)
    lines = []
    for line in text.split("\n"):
        clean, found = _line(line)
        lines.append(clean)
        count += found
    return Redacted("\n".join(lines), count)


def redact_all(texts: Sequence[str]) -> tuple[list[str], int]:
    """The same of several texts."""
    found = [redact(text) for text in texts]
    return [one.text for one in found], sum(one.found for one in found)


def _line(line: str) -> tuple[str, int]:
    count = 0
    # The longest first: a token must not be left with the half that another detector does not see.
    found_in = {one for piece in _pieces(line) for one in _secrets(piece)}
    for secret, kind in sorted(found_in, key=lambda found: -len(found[0])):
        if secret in line:
            line = line.replace(secret, f"[redacted: {kind}]")
            count += 1
    return line, count


def _pieces(line: str) -> Iterator[str]:
    """A line as it is, or, where it is very long, in pieces that overlap: some detectors take the square of what they look at."""
    yield line[:PIECE]
    for start in range(PIECE - OVERLAP, len(line) - OVERLAP, PIECE - OVERLAP):
        yield line[start : start + PIECE]


def _secrets(line: str) -> Iterator[tuple[str, str]]:
    """Each secret in a line, as it stands there, and what it is."""
    shaped, keyword, entropy = _detectors()
    for detector in shaped:
        for found in detector.analyze_line(filename="memory.txt", line=line, line_number=1):
            yield _grown(line, found.secret_value), found.type
    for view in {line, _SPOKEN.sub(": ", line)}:
        for found in keyword.analyze_line(filename="memory.conf", line=view, line_number=1):
            if _looks_secret(found.secret_value):
                yield found.secret_value, "Password"
    for match in _LONG.finditer(line):
        if _is_mixed(match[0]) and "/" not in match[0] and entropy(match[0]) > ENTROPY:
            yield match[0], "Random String"


def _grown(line: str, secret: str) -> str:
    """A secret with the letters right beside it: some detectors tell no more than how a token begins."""
    found = re.search(rf"[\w\-]*{re.escape(secret)}[\w\-]*", line)
    return found[0] if found else secret


def _looks_secret(value: str) -> bool:
    """Whether what stands behind a word such as "password" is one word that nobody would write otherwise."""
    return not re.search(r"\s|\[redacted", value) and len(value) >= 5 and bool(re.search(r"\d|[^\w.,;:!?'\"-]", value))


def _is_mixed(string: str) -> bool:
    """Letters and digits, and none of our own ids."""
    return bool(re.search(r"\d", string) and re.search(r"[A-Za-z]", string)) and not _OURS.fullmatch(string)


@cache
def _detectors() -> tuple[list[Any], Any, Any]:
    """Those for tokens of a shape, the one for keywords, and what measures how random a string is."""
    from importlib import import_module  # noqa: PLC0415 - see the module's docstring

    shaped = [getattr(import_module(f"detect_secrets.plugins.{module}"), name)() for module, name in SHAPED]
    keyword = import_module("detect_secrets.plugins.keyword").KeywordDetector()
    random = import_module("detect_secrets.plugins.high_entropy_strings").Base64HighEntropyString(limit=ENTROPY)
    return shaped, keyword, random.calculate_shannon_entropy
