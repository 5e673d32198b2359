"""Dialogues that ask about something and then work on the answer, of our own making: short ones, as most chats are.

What is asked of an answer fits any answer (`a simpler wording`, `an example`), so nothing but its wording tells that it follows on. Like
the errands they are only learned from.
"""

from __future__ import annotations

import random

from proxy.routing.learn.dialogues import Dialogue, named

ASKED: tuple[tuple[str, str], ...] = (
    ("How do tides come about?", "The moon pulls the water on its side of the earth more than the rest, which makes two bulges that the earth turns under."),
    ("What is compound interest?", "Interest is paid on the interest of earlier years too, so a sum grows faster every year."),
    ("Why do leaves turn red in autumn?", "The green of chlorophyll is broken down, and other pigments that were there all along come out."),
    ("Draft an email to my landlord about the broken boiler.", "Dear Ms Kerr, the boiler has not worked since Monday. Could you please send somebody to repair it this week?"),
    ("Write a short story about a lighthouse keeper.", "Every night Orla climbed the stairs. One evening the lamp stayed dark, and the sea itself began to glow."),
    ("How can I learn to play chess?", "Learn the moves, solve small puzzles daily, play slow games and look at your mistakes afterwards."),
    ("Which sights in Vienna are worth a visit?", "Schönbrunn, the Prater, St. Stephen's Cathedral and the Museum of Art History."),
    ("Explain recursion in programming.", "A function calls itself on a smaller part of the problem until the part is so small that its answer is known."),
    ("Give me a recipe for lentil soup.", "Fry an onion, add lentils, carrots and stock, simmer for half an hour, and season with lemon."),
    ("What does a notary do?", "A notary checks who signs a document, that they understand it, and keeps a record."),
    ("How is glass made?", "Sand, soda and lime are melted at some 1,500 degrees, formed and cooled slowly."),
    ("Name some good names for a bakery.", "Crumb & Co., The Early Loaf, Rye Society, Golden Crust."),
    ("What happened in the French Revolution?", "From 1789 the king lost his power, the nobility its privileges, and after years of terror Napoleon took over."),
    ("Is intermittent fasting healthy?", "Studies find modest weight loss; whoever is pregnant or diabetic should ask a doctor first."),
    ("Compare cats and dogs as pets.", "Dogs need walks and company, cats are more independent; both cost money and live for many years."),
    ("How do vaccines work?", "They show the immune system a harmless part of a germ, so that it recognises the real one later."),
    ("Plan a training week for a ten kilometre run.", "Two easy runs, one with intervals, one long run on Sunday, and rest on the other days."),
    ("Which laptop should a student buy?", "A light one with 16 GB of memory and a long battery life; more is seldom needed."),
    ("What are black holes?", "Regions where matter is so dense that not even light leaves them."),
    ("Write a function that reverses a string in JavaScript.", "function reverse(s) { return [...s].reverse().join('') }"),
    ("Solve 3x + 7 = 22.", "Take 7 from both sides, then divide by three: x = 5."),
    ("What should I know before adopting a rabbit?", "They live for ten years, need a companion, much hay and room to run."),
    ("Who was Hypatia?", "A mathematician and philosopher in Alexandria, murdered in the year 415."),
    ("How does an induction hob heat a pan?", "A coil makes a changing magnetic field, and currents in the pan's bottom heat it."),
    ("Give me tips against stage fright.", "Breathe slowly, know your first sentence by heart, and look at friendly faces."),
    ("What is the difference between a virus and a bacterium?", "Bacteria live on their own; viruses need a cell to multiply."),
    ("Suggest a present for a gardener.", "A good pair of secateurs, old seed varieties, or a book about moss."),
    ("How long does concrete take to harden?", "It carries weight after a week and is said to be hard after 28 days."),
    ("Translate \u201cthe early bird catches the worm\u201d into Latin.", "Aurora habet aurum in ore has a like meaning."),
    ("Why did the Roman Empire fall?", "Wars at the borders, money troubles and rivals for the throne weakened it over centuries."),
)  # fmt: skip
"""First turns, and what was answered."""

OPERATIONS: tuple[tuple[str, str], ...] = (
    ("That's too long for me, cut it down.", "In short: the main point stands in the first sentence."),
    ("Could you say it with simpler words?", "Simply put, it comes to this."),
    ("Could you illustrate it with an example?", "Here is one from daily life."),
    ("Do you have an example?", "Certainly, here is one."),
    ("Can you give another example?", "Here is a second one."),
    ("Show me how that would look.", "It would look like this."),
    ("Please go into more detail.", "Looking closer, there are three parts to it."),
    ("Tell me more.", "There is a good deal more to say."),
    ("How come?", "There are two reasons for it."),
    ("But why?", "Mostly for historical reasons."),
    ("Is that really true?", "Yes, several sources agree."),
    ("I doubt that. Please check again.", "Having checked, I stand by it."),
    ("Can you write this as a list?", "1. The first thing\n2. The second\n3. The third"),
    ("Give it to me in bullet points.", "- one\n- two\n- three"),
    ("Now in German, please.", "Gern, auf Deutsch lautet es so."),
    ("What would it be in French?", "En français, voici."),
    ("Rewrite it in a friendlier tone.", "Here is a warmer version."),
    ("Make it sound more formal.", "Here is a formal version."),
    ("Could you make it a bit funnier?", "Here is one with a wink."),
    ("What do you mean by the last part?", "I meant that it depends on the case."),
    ("I don't understand, explain again.", "Let me try in another way."),
    ("Can you explain that step by step?", "First this, then that, and then the rest."),
    ("What follows from that?", "Two things follow."),
    ("What else should I think of?", "Two more things matter."),
    ("Are there any downsides?", "Yes, it takes time and money."),
    ("Which of these matters most?", "The first one."),
    ("And if I have no time for all that?", "Then do the first part alone."),
    ("What would you do in my place?", "I would begin small."),
    ("How sure can one be of it?", "Fairly sure."),
    ("Okay, and then?", "Then comes the last step."),
    ("Summarise that for me.", "In one sentence: it depends."),
    ("Can you turn it into a table?", "| what | how |\n| --- | --- |\n| this | that |"),
    ("Add a title.", "Here it is with a title."),
    ("Leave out the second point.", "Without it, it reads like this."),
    ("Thanks, that helps. Anything else?", "One more thing perhaps."),
    ("Continue.", "To go on with it."),
)  # fmt: skip
"""Turns that work on any answer, and what was answered."""

EACH = 3
"""Dialogues that begin with each of the first turns."""


def lessons(seed: int = 0) -> dict[str, list[Dialogue]]:
    """Dialogues by name, and the same ones every time."""
    rng = random.Random(f"{seed}-lessons")  # noqa: S311 - a draw, no secret
    return {named(turn): [_lesson(turn, answer, rng) for _ in range(EACH)] for turn, answer in ASKED}


def _lesson(turn: str, answer: str, rng: random.Random) -> Dialogue:
    worked = rng.sample(OPERATIONS, rng.randint(2, 4))
    return (turn, answer, *(said for exchange in worked for said in exchange))
