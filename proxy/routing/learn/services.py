"""What people say to an assistant that books, searches and looks after things: the texts of `errands`, all of our own making.

A service is opened in some way, asks for what it needs, offers something, is asked about it, and settles it. `{names}` stand for
values that one errand keeps from its beginning to its end; those in capitals are drawn anew each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

VALUES: Mapping[str, tuple[str, ...]] = {
    "town": ("Utrecht", "Porto", "Tucson", "Leeds", "Ghent", "Boise", "Turin", "Halifax", "Graz", "Fremantle", "Duluth", "Malmö"),
    "away": ("Bergen", "Savannah", "Split", "Kyoto", "Galway", "Denver", "Valencia", "Krakow", "Quebec", "Bristol"),
    "day": ("Friday", "tomorrow", "the 9th", "next Tuesday", "Sunday evening", "the 22nd of May", "this weekend", "November 3rd"),
    "until": ("the Monday after", "three days later", "the 27th", "a week later"),
    "hour": ("7 pm", "half past six", "noon", "9:15", "a quarter to eight", "around 4"),
    "count": ("two", "just me", "four of us", "three", "six people", "one"),
    "name": ("Harrow's", "Blue Lantern", "The Old Mill", "Casa Verde", "Northgate", "Juniper", "Lindqvist", "Pier Nine"),
    "other": ("Saffron Yard", "The Copper Kettle", "Westwind", "Bellini", "Maple Court", "Station Nine", "Okoro"),
    "person": ("Ines", "my brother", "Tomasz", "Dr. Adeyemi", "a friend", "my sister Lea"),
    "sum": ("40 euros", "$220", "65 pounds", "1,200", "$18.50"),
    "sort": ("Thai", "seafood", "something vegetarian", "Ethiopian", "cheap tacos", "Greek"),
    "style": ("a thriller", "something funny", "jazz", "an old western", "a documentary", "folk music", "a family film"),
    "size": ("a small one", "two bedrooms", "a van", "something automatic", "one with a balcony", "an estate car"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """What is said about one kind of errand."""

    opened: tuple[str, ...]
    """The first words of a conversation."""
    asked: tuple[tuple[str, tuple[str, ...]], ...]
    """What the assistant asks for, and what answers it."""
    offered: tuple[str, ...]
    wondered: tuple[tuple[str, str], ...]
    """What the user asks about an offer, and what is answered."""
    settled: tuple[str, ...]


WHERE = (
    "Which town should I look in?",
    ("{town}", "In {town}, please.", "Somewhere around {town}.", "Make it {town}."),
)
WHEN = ("For which day?", ("{day}", "On {day}.", "{day} would suit me.", "I'd say {day}."))
WHAT_TIME = ("And at what time?", ("{hour}", "At {hour}.", "{hour} if that works.", "Let's do {hour}."))
HOW_MANY = ("For how many?", ("{count}", "{count}, please.", "That's for {count}."))

SERVICES: Mapping[str, Service] = {
    "table": Service(
        (
            "Get me a table for dinner {day}.", "I'm hungry, where can one eat {sort} in {town}?", "I feel like {sort} tonight.",
            "Could you reserve a place to eat for {count}?", "We want to go out for a meal in {town}.", "Any good restaurants around?",
            "Recommend me somewhere for lunch.", "I have to take clients out to dinner, please arrange it.",
        ),
        (WHERE, WHEN, WHAT_TIME, HOW_MANY, ("What kind of food do you like?", ("{sort}", "{sort}, I think.", "Anything but {sort}."))),
        ("{name} in {town} has a free table.", "There is {name}, well liked and not expensive. Shall I reserve?"),
        (
            ("Do they have seats outside?", "Yes, a small terrace at the back."), ("How pricey is it?", "Moderate, main courses cost about {sum}."),
            ("Is there live music?", "On Thursdays only."), ("Can I bring a dog there?", "They say dogs are welcome."),
        ),
        ("Your table at {name} is reserved.", "Sorry, {name} is full at that hour. Another time?"),
    ),
    "room": Service(
        (
            "I'll be staying in {town} and have nowhere to sleep yet.", "Look for a hotel in {town}.", "We need accommodation for {day}.",
            "Is there a decent hostel in {town}?", "Get me a room with a view somewhere near the sea.", "Please arrange a place to stay.",
            "I'm going on holiday and want to book somewhere to stay.", "Find lodging for {count} in {town}.",
        ),
        (WHERE, ("When do you arrive?", ("{day}", "We get there on {day}.")), ("Until when?", ("{until}", "Until {until}.")), HOW_MANY),
        ("How about {name}, three stars, {sum} a night?", "{name} has two rooms left in {town}."),
        (
            ("Does it have a pool?", "It does not, but there is a sauna."), ("Is breakfast included?", "It is, from seven to ten."),
            ("How far from the centre is that?", "Ten minutes on foot."), ("What would it come to in all?", "{sum} for the whole stay."),
        ),
        ("Booked: {name} from {day} until {until}.", "{name} takes no more guests for these nights."),
    ),
    "flight": Service(
        (
            "I have to fly to {away} on {day}.", "What do plane tickets to {away} cost?", "Look up return flights from {town}.",
            "Book us seats on a plane to {away}.", "I want to get to {away} by air.", "Any cheap flights going out {day}?",
            "My cousin marries in {away}, so I need to fly there.", "Please search for flights.",
        ),
        (
            ("Where do you leave from?", ("{town}", "From {town}.", "I'd start in {town}.")), ("Where to?", ("{away}", "To {away}.", "{away} is where I'm headed.")),
            ("On which date?", ("{day}", "{day}, in the morning if possible.")), ("One way or return?", ("One way.", "Return, coming back {until}.", "There and back.")), HOW_MANY,
        ),
        ("{name} Air leaves at {hour} and costs {sum}.", "I see one with a stop, on {name}, for {sum}."),
        (
            ("Is that direct?", "No, it stops once."), ("When does it land?", "At {hour}, local time."),
            ("Can I take a suitcase along?", "One of 20 kilos."), ("Which terminal is it?", "Terminal 2."),
        ),
        ("Your seats to {away} are reserved.", "That flight has just sold out."),
    ),
    "coach": Service(
        (
            "How do I get from {town} to {away} without a car?", "I want to go to {away} by bus.", "Get me a train ticket to {away}.",
            "Are there coaches to {away} on {day}?", "I'd like to travel by rail {day}.", "Buy bus tickets for {count}.",
            "I'm visiting {person} and need transport.",
        ),
        (("Where do you start?", ("{town}", "From {town}.")), ("And where do you want to go?", ("{away}", "{away} please.")), WHEN, HOW_MANY),
        ("One leaves at {hour}, {sum} a ticket.", "There is a direct one at {hour} with {name} Lines."),
        (
            ("How long is the ride?", "A bit over three hours."), ("From which stop does it go?", "From the main station, bay 4."),
            ("Are bikes allowed?", "For an extra five."), ("Does it have power sockets?", "At every seat."),
        ),
        ("Done, the tickets to {away} are yours.", "The {hour} one is fully booked."),
    ),
    "car": Service(
        (
            "I want to hire a car for a few days.", "What does it cost to rent {size} in {town}?", "We need a vehicle from {day}.",
            "Get me a rental, my own car is being repaired.", "Find me something to drive in {town}.", "I'd like to pick up a hire car {day}.",
        ),
        (("Where will you collect it?", ("{town}", "At the station in {town}.", "The airport.")), ("From when?", ("{day}", "{day}, at {hour}.")), ("When do you bring it back?", ("{until}", "On {until}.")), ("Which size?", ("{size}", "{size}, please."))),
        ("There is a grey one at {name} for {sum} a day.", "{name} rents you one for {sum}."),
        (
            ("Is insurance part of that?", "The basic cover is."), ("Manual or automatic?", "Manual."),
            ("May I drive it abroad?", "Within neighbouring countries."), ("How much is the deposit?", "{sum}."),
        ),
        ("The car is reserved at {name}.", "They have none left on {day}."),
    ),
    "taxi": Service(
        (
            "Order a taxi for {count}.", "I need a lift to the station.", "Send a car to take me to {name}.", "Could somebody drive us home at {hour}?",
            "Get me a ride.", "How much is a taxi to {away}?",
        ),
        (("Where are you going?", ("To {name}.", "{name}", "{town}, the market square.")), HOW_MANY, ("Shared or alone?", ("Alone.", "Sharing is fine."))),
        ("A driver can be there in six minutes for {sum}.", "It will be about {sum}."),
        (("What sort of car is it?", "A white saloon."), ("How long will the drive be?", "Some twenty minutes."), ("Can I pay cash?", "You can.")),
        ("Your driver is on the way.", "No driver is free just now."),
    ),
    "film": Service(
        (
            "What's on at the cinema {day}?", "I'm bored, put on {style}.", "Suggest {style} to watch tonight.", "Is there anything worth seeing in {town} {day}?",
            "I want to stream a film.", "Look for a movie with a happy ending.", "We're having a film night, what should we see?",
        ),
        (("What kind?", ("{style}", "{style}, maybe.", "Whatever is new.")), WHERE, WHEN),
        ("\u201c{name}\u201d is well reviewed.", "They show \u201c{other}\u201d at {hour}."),
        (
            ("Who plays in it?", "Two newcomers and a stage actor."), ("How long does it run?", "Just under two hours."),
            ("Is it suitable for children?", "From twelve on."), ("With subtitles?", "Yes, in English."),
        ),
        ("It starts now, enjoy.", "Tickets for {hour} are bought."),
    ),
    "song": Service(
        (
            "Play {style} for me.", "I'm in the mood for {style}.", "Put some music on in the kitchen.", "Which songs by {name} are popular?",
            "I want to hear something calm.", "Start a playlist for running.",
        ),
        (("Any artist?", ("{name}", "Anything by {name}.", "No preference.")), ("Where should it play?", ("In the bedroom.", "On my phone.", "Living room."))),
        ("How about \u201c{other}\u201d by {name}?", "I found \u201c{other}\u201d from last year."),
        (("Which album is that from?", "Their second."), ("When did it come out?", "In 2017."), ("Is there a live version?", "There is.")),
        ("Playing it now.", "It plays in the kitchen."),
    ),
    "show": Service(
        (
            "What is going on in {town} {day}?", "Are there concerts around {town}?", "Get me tickets to a match.", "I'd love to see a play {day}.",
            "We've got a free afternoon in {town}, what is there to visit?", "Which museums should I see in {town}?", "Search for gigs near me.",
        ),
        (WHERE, WHEN, ("Sports, music, theatre?", ("Music.", "Some theatre.", "A football match.", "{style}"))),
        ("{name} is on at {hour}.", "You could visit the {name} gallery, free of charge."),
        (("What do tickets cost?", "{sum} each."), ("What's the address?", "14 Canal Street."), ("Do children get in free?", "Under ten, yes."), ("Until when is it open?", "Until {hour}.")),
        ("I bought {count} for {name}.", "It is sold out."),
    ),
    "doctor": Service(
        (
            "My tooth hurts, I need someone to look at it.", "Find me a physician in {town}.", "I'd like an appointment with a skin doctor.",
            "Which psychologists practise in {town}?", "I should have my eyes tested.", "Look for somebody who treats back pain.",
            "I want my hair cut {day}.", "Get me in with a hairdresser.",
        ),
        (WHERE, WHEN, WHAT_TIME),
        ("{name} practice in {town} takes new patients.", "There is {other}, very well rated."),
        (("What is their number?", "555 0142."), ("Where exactly is that?", "8 Mill Lane, second floor."), ("Do they take my insurance?", "Most kinds."), ("Are they open on Saturdays?", "Until noon.")),
        ("Your appointment is on {day} at {hour}.", "They have nothing at {hour}. Is another time fine?"),
    ),
    "flat": Service(
        (
            "I'm moving to {town} and need a flat.", "What is for rent in {town}?", "Help me look for a house with a garden.",
            "We have to leave our place in spring, show me apartments.", "I want to buy {size} in {town}.",
        ),
        (WHERE, ("How many bedrooms?", ("{count}", "At least two.", "One is enough.")), ("To rent or to buy?", ("Rent.", "To buy.", "Renting."))),
        ("There is one on {name} Street for {sum} a month.", "{name} Gardens has one free from {day}."),
        (("Are pets allowed?", "Cats are."), ("Is it furnished?", "Only the kitchen is."), ("Does it have parking?", "One space in the yard.")),
        ("A viewing on {day} is arranged.", "It has been let already."),
    ),
    "weather": Service(
        (
            "Will I need an umbrella {day}?", "How warm does it get in {town} {day}?", "What's the forecast for {away}?", "Is it going to snow {day}?",
            "Tell me the weather in {town}.", "How windy is it out there?",
        ),
        (WHERE, WHEN),
        ("Around 14 degrees with a few showers.", "Sunny, 25 degrees, hardly any wind."),
        (("What about the day after?", "Colder, and cloudy."), ("And how humid?", "About sixty per cent."), ("Chance of rain?", "One in five."), ("And in {away}?", "Much the same there.")),
        ("It stays dry until evening.", "Expect fog in the morning."),
    ),
    "money": Service(
        (
            "How much have I got in my account?", "Send {sum} to {person}.", "What is my savings balance?", "I owe {person} money, transfer it please.",
            "Did my salary come in?", "Pay the electricity bill.",
        ),
        (("From which account?", ("Checking.", "My savings.", "The current account.")), ("To whom?", ("{person}", "To {person}.")), ("How much?", ("{sum}", "{sum}, please."))),
        ("That leaves {sum}.", "I would send {sum} to {person}. Right?"),
        (("When does it arrive?", "Tomorrow."), ("Is there a fee?", "None."), ("What did I spend last month?", "{sum} in all.")),
        ("{sum} went to {person}.", "The transfer did not go through."),
    ),
    "alarm": Service(
        (
            "Wake me at {hour}.", "Which alarms are set?", "Remind me to call {person} {day}.", "Put a meeting with {person} in my calendar.", "What do I have on {day}?",
            "Am I free {day}?", "Turn the heating up.", "Switch off the lights upstairs.",
        ),
        (WHEN, WHAT_TIME, ("What should I call it?", ("Call it {name}.", "Work.", "\u201cGym\u201d."))),
        ("Set for {hour}. Anything else?", "You have one thing on {day}: {name} at {hour}."),
        (("Make it ten minutes earlier.", "Changed."), ("Does it repeat?", "Every weekday."), ("Delete that one.", "It is gone.")),
        ("It's set.", "Noted for {day}."),
    ),
}  # fmt: skip

ELSE = ("Anything different?", "What else have you got?", "I don't like that. Show me another.", "Something cheaper, perhaps?", "Are there others?", "Keep looking, please.")  # fmt: skip
ANOTHER = ("{other} would be another one.", "Then {other}, for {sum}.", "There is also {other}.")
AGREED = ("Yes, take that.", "Sounds good to me.", "That one, please.", "Perfect, go ahead.", "Yes.", "Okay, do it.", "Right, that's correct.", "Good, I want that one.")  # fmt: skip
SUMMED_UP = (
    "So {name} on {day}, is that right?",
    "To confirm: {name}, {day}. Shall I?",
    "Please confirm {name} for {count}.",
)
CHANGED = (
    "No, make it {hour} instead.",
    "Better on {day}.",
    "Sorry, I meant {town}.",
    "Actually, for {count}.",
    "Not {name}, {other}.",
)
ALSO = (
    "Great. And could you do one more thing? {next}", "Thanks! Since I'll be there: {next}", "Lovely. {next}", "Now for the rest of the trip. {next}",
)  # fmt: skip
ENDED = ("Thank you, that's all.", "No, nothing else.", "That was it, thanks a lot.", "Bye!")
FAREWELLS = ("You're welcome.", "Have a good day!", "Glad to help.")
HELPED = ("Sure. {ask}", "Of course. {ask}", "{ask}", "Happy to. {ask}")
