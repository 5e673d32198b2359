"""Chats that are no one's: unique turns and replies over a handful of everyday topics, the same for the same seed."""

from __future__ import annotations

import random
from typing import Any

SYSTEM = (
    "You are a helpful assistant in a small company. Answer in plain words, say what you are not sure of, and ask one "
    "question back when the request can be read in two ways. Today is Thursday."
)

TOPICS: dict[str, tuple[str, ...]] = {
    "bread": ("sourdough starter", "oven stone", "rye flour", "banneton", "crumb", "proofing drawer"),
    "bicycle": ("rear derailleur", "tubeless tyre", "bottom bracket", "brake rotor", "chain wax", "spoke key"),
    "garden": ("tomato seedling", "raised bed", "compost heap", "drip hose", "slug fence", "cold frame"),
    "database": ("partial index", "write-ahead log", "query plan", "foreign key", "vacuum job", "read replica"),
    "sailing": ("spinnaker pole", "tidal stream", "reefing line", "mooring buoy", "bilge pump", "chart plotter"),
    "taxes": ("depreciation table", "travel receipt", "home office", "quarterly payment", "audit letter", "allowance"),
    "piano": ("left-hand arpeggio", "sustain pedal", "sight reading", "metronome", "fugue subject", "key action"),
    "history": ("river trade", "guild charter", "town wall", "grain price", "bishop's letter", "census roll"),
    "python": ("event loop", "type checker", "context manager", "wheel file", "import cycle", "memory view"),
    "kitchen": ("induction hob", "cast-iron pan", "spice drawer", "pressure cooker", "knife sharpener", "fish stock"),
    "astronomy": ("equatorial mount", "double star", "dew heater", "narrowband filter", "guide scope", "light dome"),
    "moving": ("removal van", "deposit letter", "meter reading", "storage unit", "parking permit", "box of books"),
}

_ASKS = (
    "How should I deal with the {a} now that the {b} has been like this for {n} days?",
    "I tried {n} times to get the {a} right and the {b} still gets in the way. What would you change first?",
    "Compare the {a} with the {b} for somebody with a budget of {n} and little time.",
    "Suppose the {a} fails after {n} hours; does the {b} then need to be replaced as well?",
    "Write me a short checklist of {n} points for the {a}, and say where the {b} comes in.",
)

_SAYS = (
    "The {a} is usually the cheaper thing to look at first, and it takes about {n} minutes.",
    "If the {b} was changed lately, undo that and watch the {a} for a day or two before you do anything else.",
    "People often blame the {b}, although in {n} of a hundred cases it is the {a} that was set up in a hurry.",
    "Keep a note of what you see: the time, the state of the {a}, and whether the {b} was in use.",
    "I am not sure about the {b} in your case; a photograph or the exact words of the message would help.",
    "As a rule of thumb, allow {n} per cent more than you think the {a} needs.",
)


def ask(chance: random.Random, topic: str) -> str:
    """A user's turn of 15 to 40 words."""
    return " ".join(_filled(chance, topic, line) for line in chance.sample(_ASKS, chance.choice((1, 2))))


def say(chance: random.Random, topic: str) -> str:
    """A reply of about 80 words."""
    return " ".join(_filled(chance, topic, line) for line in chance.sample(_SAYS, 4))


def exchanges(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """A whole chat on one topic: `count` turns with their replies."""
    topic = chance.choice(list(TOPICS))
    messages: list[dict[str, Any]] = []
    for _ in range(count):
        messages.append({"role": "user", "content": ask(chance, topic)})
        messages.append({"role": "assistant", "content": say(chance, topic)})
    return messages


def _filled(chance: random.Random, topic: str, line: str) -> str:
    a, b = chance.sample(TOPICS[topic], 2)
    return line.format(a=a, b=b, n=chance.randrange(2, 9_000))
