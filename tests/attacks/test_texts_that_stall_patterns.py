"""Every regular expression of Graft's, and what reads texts with them, over texts made to stall it: the work grows with the text, no faster.

CPU times of this thread are compared, of a text and of one four times as long: linear work takes four times as long, quadratic work
sixteen. What is too quick to be told apart from noise is quick enough.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

import proxy
from proxy.chat.history.loops import is_result
from proxy.chat.typed.offer import without_lines
from proxy.context.marking import without_placed
from proxy.distil import extract, redaction
from proxy.domain.message import Message
from proxy.domain.turn import Turn
from proxy.routing.reading import bare, cues, text, tongues
from proxy.upstream.acting import acts
from proxy.upstream.failures import redact

TINY, SHORT, TIMES = 60, 1_000, 4
QUICK_S = 0.001
"""What reads the short text within this cannot stall anybody: squared, a megabyte takes minutes from about here."""
MOST_GROWTH = 9.0
APART = {"proxy.__main__", "proxy.cli.serve"}
READ_FROM_THE_START = {
    ("proxy.chat.history.loops", "_NAMED"),
    ("proxy.transfer.checks", "_PATH"),
    ("proxy.upstream.acting", "_FAMILIES"),
}
"""Tried at one place of a text and no other: a turn's first letters, the words of an error, the name of a field."""
SEEDS = [
    *(
        "a",
        " ",
        "\n",
        "\t",
        "1",
        "A",
        "_",
        "-",
        ".",
        ",",
        ":",
        '"',
        "'",
        "`",
        "*",
        "#",
        "<",
        "[",
        "(",
        "{",
        "\\",
        "/",
        "@",
        "!",
        "?",
    ),
    *("é", "你", "Я", "\u200b", "\u0301", "\ud800", "😀"),
    *(
        "a ",
        "ab\n",
        " \n",
        "\n\n ",
        "a.",
        "a. ",
        "1,",
        "-1",
        "a'",
        "a'b",
        "Aa ",
        "a:b",
        ": \n",
        "x\n\ny",
        "a=b ",
        "```",
        "```a",
        "**",
    ),
    *(
        "<think>",
        "<thinking>x",
        "</think>",
        "<graft ",
        '<graft scope="" source=""> ',
        "</graft>",
        "< graft",
        "[[ ## ",
        "[[##",
    ),
    *(
        "(Graft: this looks like ",
        ". Answer yes to open it.) ",
        '"usage":',
        '"usage" : null ',
        ', "usage"',
        "http://",
        "a://b:c",
        "?key=",
        "&token=a",
    ),
    *(
        "Bearer ",
        "Bearer aaaaaaaa",
        "-----BEGIN RSA PRIVATE KEY-----",
        "password is ",
        "is ",
        "sk-",
        "Error: ",
        "litellm.Error: ",
    ),
    *(
        "[x for ",
        "[x] Result:",
        "Title:",
        "back to ",
        "what about ",
        "and ",
        "new question",
        "- at `$.",
        "Missing required x parameter '",
    ),
    *("maximum context length ", "tokens exceed ", "must be <= 1", "translate this:", "summarise:\n"),
]


def modules() -> Iterator[ModuleType]:
    for found in pkgutil.walk_packages(proxy.__path__, "proxy."):
        if found.name not in APART:
            yield importlib.import_module(found.name)


def patterns() -> dict[str, re.Pattern[str] | re.Pattern[bytes]]:
    """Those that stand at the top of a module, alone or in tuples and mappings. Cues are read at a turn's head alone, and tried below."""
    found: dict[str, re.Pattern[str] | re.Pattern[bytes]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for one in flat(value) if (module.__name__, name) not in READ_FROM_THE_START else ():
                found[str(one.pattern)[:200]] = one
    return found


def flat(value: object) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple | list):
        for one in value:
            yield from flat(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from flat(one)


def hostile(length: int) -> list[str]:
    """Texts of one length: a piece over and over, plain, and with an end that nothing expects."""
    made = []
    for seed in SEEDS:
        body = seed * (length // len(seed))
        made += [body, body + "\x00", "\n" + body + "x!"]
    return made


def spent(work: Callable[[str], object], said: str) -> float:
    began = time.thread_time()
    work(said)
    return time.thread_time() - began


def grows_too_fast(work: Callable[[str], object]) -> list[str]:
    """Texts over which the work grows faster than they do."""
    for tiny in hostile(TINY):
        assert (first := spent(work, tiny)) < 2, f"{tiny!r} takes {first:.1f} s"
    slow = []
    for short, long in zip(hostile(SHORT), hostile(SHORT * TIMES), strict=True):
        if spent(work, short) < QUICK_S:
            continue
        base, later = min(spent(work, short) for _ in range(3)), min(spent(work, long) for _ in range(2))
        if base >= QUICK_S and later / base > MOST_GROWTH:
            slow.append(f"{short[:24]!r}: {base:.4f} s, four times as long {later:.4f} s")
    return slow


PATTERNS = patterns()


def test_the_patterns_of_all_modules_take_part() -> None:
    assert len(PATTERNS) > 30
    assert any("Graft: this looks like" in one for one in PATTERNS)


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_is_tried_in_time_that_grows_with_the_text(name: str) -> None:
    pattern = PATTERNS[name]

    def everywhere(said: str) -> None:
        for _ in pattern.finditer(said if isinstance(pattern.pattern, str) else said.encode("utf-8", "replace")):  # type: ignore[arg-type]
            pass

    assert grows_too_fast(everywhere) == []


def turn(said: str) -> Turn:
    told = [Message({"role": "assistant", "content": said}), Message({"role": "user", "content": "yes"})]
    return Turn("m", told, {})


def looped(said: str) -> bool:
    """Whether a program's loop goes on, which a reply's whole text may tell."""
    result = Message({"role": "user", "content": "Observation: " + said})
    return is_result(result, Message({"role": "assistant", "content": said}))


HELLO = Message({"role": "assistant", "content": "Hello"})
READERS: dict[str, Callable[[str], object]] = {
    "cues": cues.read_cues,
    "what a turn brings": cues.brings_its_text,
    "what it refers back to": cues.refers_back,
    "turns without a subject": bare.names_no_subject,
    "questions about it": bare.asks_about_it,
    "loops of programs": looped,
    "words": lambda said: list(text.words(said)),
    "names": text.names,
    "spelling": lambda said: text.read(said).spelt,
    "tongue": tongues.tongue_of,
    "offers taken off": lambda said: without_lines(turn(said)),
    "a field's name": acts,
    "how a program's result opens": lambda said: is_result(Message({"role": "user", "content": said}), HELLO),
    "placed text taken off": without_placed,
    "sentences": extract.sentences,
    "keys in errors": lambda said: redact(said, ["sk-upstream-secret"]),
    "thinking": lambda said: Message({"role": "assistant", "content": said}).spoken,
}


def test_secrets_in_a_very_long_line_take_time_that_grows_with_it() -> None:
    """The library's detectors take the square of what they look at, so a line is read in pieces: beyond two of them, growth is linear."""
    redaction.redact("password is hunter22")
    for seed in ("`", "a", "password=", "a b"):
        short, long = seed * (12_000 // len(seed)), seed * (48_000 // len(seed))
        base, later = min(spent(redaction.redact, short) for _ in range(2)), spent(redaction.redact, long)
        assert base < QUICK_S or later / base < MOST_GROWTH, (seed, base, later)


def test_a_secret_across_two_pieces_of_a_long_line_is_found() -> None:
    for place in range(redaction.PIECE - 200, redaction.PIECE + 100, 37):
        line = "word " * (place // 5) + "ghp_" + "a1B2c3D4" * 4 + "abcd" + " word" * 900
        assert "ghp_" not in redaction.redact(line).text


@pytest.mark.parametrize("reader", READERS)
def test_a_text_is_read_in_time_that_grows_with_it(reader: str) -> None:
    assert grows_too_fast(READERS[reader]) == []
