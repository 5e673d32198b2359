"""Labelled turns that come with the package: what a user's own shift must leave as it is.

They are our own, and nothing was fitted to them: ten conversations, and turns that go on with one, go back to another, open a topic, or go on
from an earlier point. Where no copy of the routing benchmark is at hand they stand in for what all users have in common.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from proxy.domain.message import Role
from proxy.domain.placement import FeedNode
from proxy.domain.tree import NodeId
from proxy.routing.bench.cases import Case

TALKS: Mapping[str, Sequence[str]] = {
    "beans": (
        "My runner beans have yellow leaves. What is wrong with them?",
        "Most likely too much water or too little nitrogen. Let the soil dry out between waterings and add some compost.",
        "How often should I water them then?",
        "Twice a week is enough, in the morning, about five litres for each square metre.",
        "When can I pick the first pods?",
        "About ten weeks after sowing, while they are young and snap when you bend them.",
    ),
    "oslo": (
        "We want to spend four days in Oslo in February. What should we see?",
        "The opera house, the Munch museum and the Vigeland park; and take the metro up to Frognerseteren for sledging.",
        "Is the sledging suitable for a six-year-old?",
        "Yes, the Korketrekkeren run is long but gentle; rent a sledge and helmets at the top.",
        "Where do we eat well without spending a fortune?",
        "Try the food halls at Mathallen and Oslo Street Food; most dishes cost less than twenty euros.",
    ),
    "lease": (
        "My landlord wants to raise the rent by twenty per cent. May he do that?",
        "That depends on your contract and on local caps. In many places an increase must be announced in writing, months ahead.",
        "He only told me on the phone.",
        "Then ask for a written notice with reasons. A phone call usually starts no deadline.",
        "Can you draft a letter for me?",
        "Dear Mr Hale, you told me by phone of a rent increase. Please send me a written notice with your reasons. Kind regards.",
    ),
    "regex": (
        "How do I match dates like 2024-05-31 with a regular expression in JavaScript?",
        "Use /\\d{4}-\\d{2}-\\d{2}/g; it matches four digits, two digits and two digits between hyphens.",
        "It also matches 2024-99-99.",
        "A pattern alone cannot check a calendar. Limit the months with (0[1-9]|1[0-2]), then parse the date and compare.",
        "Show me that as a function.",
        "function isDate(text) { const d = new Date(text); return !isNaN(d) && d.toISOString().startsWith(text); }",
    ),
    "sonnet": (
        "Write a short poem about a lighthouse keeper who misses the city.",
        "He trims the lamp, he counts the ships, / and hears the trams in every wave; / the gulls recite the market stalls, / the fog is all the streets he gave.",
        "Could it rhyme in couplets?",
        "He trims the lamp and counts the ships at night, / and dreams of windows, row by row, alight; / the gulls cry prices from a market square, / and every wave is trams, and they are there.",
        "I like it. Give it a title.",
        "Row by Row, Alight.",
    ),
    "knee": (
        "My knee hurts when I run downhill. What could it be?",
        "Pain at the front often comes from the kneecap, pain at the outside from the iliotibial band. Rest, and see a doctor if it swells.",
        "It is on the outside.",
        "That speaks for the iliotibial band. Shorten your stride, avoid slopes for two weeks, and strengthen the hips.",
        "Which exercises are good for the hips?",
        "Side leg raises, clamshells and single-leg bridges: three sets of twelve, every other day.",
    ),
    "moons": (
        "Why does Jupiter have so many moons?",
        "Its gravity holds a large region, so it kept much of the disc it formed from and captured asteroids that came by.",
        "Which of them might have an ocean?",
        "Europa almost certainly, Ganymede and Callisto probably: salty water under thick ice.",
        "How do we know about the water under the ice?",
        "From magnetic fields that change as Jupiter turns, as they would over a layer that conducts, such as salt water.",
    ),
    "budget": (
        "I earn 2,400 a month and never save anything. Help me make a budget.",
        "Start with half for needs, thirty per cent for wants, and twenty per cent, 480, for savings.",
        "My rent alone is 1,100.",
        "Then needs take about 1,500. Put 300 aside on payday by standing order and keep 600 for the rest.",
        "Should I pay off my credit card first?",
        "Yes: its interest is far above what savings earn. Keep one month's expenses as a reserve, and pay the card with the rest.",
    ),
    "violin": (
        "How do I tune a violin without a teacher?",
        "Tune A to 440 hertz with an app, then D, G and E in fifths. Turn the pegs a little at a time and push them in.",
        "The pegs keep slipping.",
        "Rub a little chalk or peg compound on them, and wind the string so that it pulls towards the pegbox wall.",
        "How long do strings last?",
        "With an hour of practice a day about six months; then they sound dull and false in fifths.",
    ),
    "roman": (
        "What brought the Roman republic down?",
        "Conquest made generals rich and soldiers loyal to them; land reform failed, and civil wars ended in one man's rule.",
        "What did the Gracchi want?",
        "To give public land to poor citizens. Both brothers were killed over it, which brought violence into politics.",
        "And what was Sulla's part in it?",
        "He was the first to march on Rome with an army, and showed that it could be done.",
    ),
}
"""Messages of each conversation, the user's first."""

FOLLOWS: Sequence[tuple[str, str]] = (
    ("beans", "And how do I store them?"),
    ("beans", "Shorter, please."),
    ("oslo", "Do we need to book a table there?"),
    ("oslo", "What should we wear for that in February?"),
    ("lease", "Make it sound a bit friendlier."),
    ("regex", "Why do you call toISOString there?"),
    ("regex", "That doesn't work for 31 February."),
    ("sonnet", "Hmm, something less abstract?"),
    ("knee", "How many weeks until I notice a difference?"),
    ("knee", "Thanks. And what about cycling instead?"),
    ("moons", "Could anything live there?"),
    ("moons", "Explain that to a ten-year-old."),
    ("budget", "It has 18 per cent interest and 3,200 on it."),
    ("budget", "So how long will that take?"),
    ("violin", "Are expensive ones worth it?"),
    ("roman", "Was he the reason why Caesar did the same?"),
)
"""The conversation in use, and what goes on with it."""

RETURNS: Sequence[tuple[str, str, str]] = (
    ("roman", "beans", "Back to the beans: can I sow them again in July?"),
    ("violin", "beans", "Which compost is best for runner beans?"),
    ("moons", "oslo", "What does the metro to Frognerseteren cost?"),
    ("beans", "oslo", "Is the Munch museum in Oslo open on Mondays?"),
    ("sonnet", "lease", "My landlord has now sent a written notice about the rent. What next?"),
    ("oslo", "lease", "Does the letter to Mr Hale need a deadline?"),
    ("knee", "regex", "Can the date pattern in JavaScript also allow slashes instead of hyphens?"),
    ("budget", "regex", "Going back to the isDate function: does it handle time zones?"),
    ("regex", "sonnet", "Add two more lines to the poem about the lighthouse keeper."),
    ("lease", "knee", "Should I put ice on the outside of my knee after a run?"),
    ("roman", "knee", "Are clamshells enough for the iliotibial band?"),
    ("violin", "moons", "How thick is the ice on Europa?"),
    ("beans", "budget", "About the standing order for my savings: what if my salary comes late?"),
    ("oslo", "violin", "How much chalk should go on the violin pegs?"),
    ("sonnet", "roman", "Who killed the Gracchi?"),
    ("moons", "roman", "Returning to the Roman republic, what was Marius's army reform?"),
)
"""The conversation in use, the one that the turn goes back to, and the turn."""

OPENINGS: Sequence[tuple[str, str]] = (
    ("beans", "How do I convert a PDF to Word on a Mac?"),
    ("oslo", "Write a job advertisement for a night nurse."),
    ("lease", "What is the difference between jazz and blues?"),
    ("regex", "My sister is getting married in June. I need ideas for a speech."),
    ("sonnet", "How does a heat pump work?"),
    ("knee", "Translate 'good morning, neighbours' into Polish."),
    ("moons", "New question: which laptop is good for video editing?"),
    ("budget", "Who invented the zip fastener?"),
    ("violin", "I have leftover rice and two eggs. What can I cook?"),
    ("roman", "By the way, how do I get candle wax out of a tablecloth?"),
    ("beans", "Explain the offside rule in football."),
    ("knee", "Suggest a name for a grey kitten."),
    ("moons", "What should I know before I adopt a greyhound?"),
    ("lease", "Solve 3x + 7 = 22."),
)
"""The conversation in use, and a turn about something else."""

FORKS: Sequence[tuple[str, int, str]] = (
    ("oslo", 1, "Instead of sledging, what else did you have in mind besides the opera house and the Munch museum?"),
    ("beans", 1, "Going back to the yellow leaves: how do I tell whether it is the nitrogen?"),
    ("lease", 1, "You said local caps: how do I find the cap on rent increases in my city?"),
    ("moons", 3, "You mentioned Callisto: how large is it?"),
    ("budget", 1, "Back to your first split: what counts as a want in the thirty per cent?"),
    ("roman", 3, "About the Gracchi again: which land was it that they wanted to give away?"),
)
"""The conversation in use, the message after which the turn goes on, and the turn."""


def guard() -> list[Case]:
    """Every turn in the tree of all conversations, of which the one in use was said last."""
    histories = {talk: _history(talk) for talk in TALKS}
    return [
        Case(f"guard-{number}", "guard", kind, (), turn, _end(active), (gold,), frozenset([first]), histories[active])
        for number, (kind, active, turn, gold, first) in enumerate(_labelled())
    ]


def _labelled() -> Iterator[tuple[str, str, str, NodeId | None, NodeId | None]]:
    """Kind, conversation in use, turn, the place where it belongs, and the first message above that."""
    for talk, turn in FOLLOWS:
        yield "continue", talk, turn, _end(talk), NodeId(f"{talk}-0")
    for active, talk, turn in RETURNS:
        yield "return", active, turn, _end(talk), NodeId(f"{talk}-0")
    for active, turn in OPENINGS:
        yield "new", active, turn, None, None
    for talk, at, turn in FORKS:
        yield "fork", talk, turn, NodeId(f"{talk}-{at}"), NodeId(f"{talk}-0")


def _history(active: str) -> list[FeedNode]:
    nodes: list[FeedNode] = []
    for talk in [*(name for name in TALKS if name != active), active]:
        for at, text in enumerate(TALKS[talk]):
            above = NodeId(f"{talk}-{at - 1}") if at else None
            role: Role = "assistant" if at % 2 else "user"
            nodes.append(FeedNode(NodeId(f"{talk}-{at}"), above, role, text, float(len(nodes))))
    return nodes


def _end(talk: str) -> NodeId:
    return NodeId(f"{talk}-{len(TALKS[talk]) - 1}")
