"""Commands typed in a chat: what the tree API does, from inside any client.

A command is a user's message of one line that begins with the prefix and a word. Its answer streams like any reply, and neither is ever
a node: both are remembered by their hashes, and skipped when the client sends them again. `goto`, `new` and `back` say where the next turn
goes, once. What a command says it is about is the place where the next turn would go on.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping
from dataclasses import dataclass

from proxy.chat import undo
from proxy.chat.history.cursor import Cursor
from proxy.chat.reanswer import turn_around
from proxy.chat.request import Request
from proxy.chat.typed.accept import Accepted
from proxy.chat.typed.steering import Here, Steered, Told, last_said
from proxy.domain import fingerprint
from proxy.domain.drawing import shorten
from proxy.domain.message import Message, said
from proxy.domain.placement import Attachment
from proxy.domain.transcript import Seen, Waypoint
from proxy.domain.tree import Tree, new_id
from proxy.domain.turn import Completion
from proxy.errors import InvalidRequest, NotFound

COMMANDS: Mapping[str, str] = {
    "where": "which tree and branch this is, and why the last turn stands there",
    "tree": "draws the tree",
    "new": "opens a new topic with the next turn",
    "goto TITLE-OR-ID": "goes on elsewhere with the next turn",
    "back [N]": "goes N turns up with the next turn",
    "move TARGET": "moves the last turn and its reply behind another; `root` makes it a topic of its own",
    "undo": "takes the last placement back and answers the turn again",
    "help": "lists these commands",
}
UNNAMED = "Commands need to know who is asking: this key serves many people, and the request names none."
NAMES = tuple(usage.split()[0] for usage in COMMANDS)


@dataclass(frozen=True, slots=True)
class Command:
    """What was typed."""

    name: str
    """The word behind the prefix; `help` where there is none."""
    rest: str


def typed(message: Message, prefix: str | None) -> Command | None:
    """The command that a message is; `None` for one that only mentions the prefix, or says more than one line."""
    if prefix is None or message.role != "user":
        return None
    content = message.wire.get("content")
    if isinstance(content, list) and any(not isinstance(part, dict) or part.get("type") != "text" for part in content):
        return None
    text = message.text.strip()
    if text[: len(prefix)].casefold() != prefix.casefold() or "\n" in text:
        return None
    words = text[len(prefix) :]
    if words and not words[0].isspace():
        return None
    name, _, rest = words.strip().partition(" ")
    return Command(name.casefold() or "help", rest.strip())


def pinned(to: Waypoint) -> Attachment:
    """The place of the turn that comes after a command."""
    return Attachment(to.node_id, "pinned", "a command in the chat sent it there", confidence=1.0, scorer="none")


async def undone(store: Steered, request: Request, tree: Tree, cursor: Cursor) -> Accepted:
    """Take the placement of the last turn back. Raises InvalidRequest where there is nothing to undo."""
    if not request.caller.named:
        raise InvalidRequest(UNNAMED)
    last = len(request.transcript.said) - 1
    at = await last_said(store, request, tree, cursor)
    if at is None:
        raise InvalidRequest("Nothing was said here yet, so there is nothing to undo.")
    turn = await turn_around(store, request.user.id, at)
    user_id, first = request.user.id, turn.first
    is_known = last in cursor.skipped and not request.transcript.fresh
    if is_known and await store.moved_for(user_id, first.id) == undo.WHY:  # else that undo was of something before
        return Accepted(turn, moved=False)
    await store.move(user_id, first.id, await undo.origin(store, user_id, first), undo.WHY)
    return Accepted(await turn_around(store, user_id, at), moved=True)


class Commands:
    """Answers commands over a store."""

    def __init__(self, store: Steered, prefix: str) -> None:
        self._store = store
        self._prefix = prefix

    async def answer(
        self, command: Command, request: Request, tree: Tree, cursor: Cursor, why_not: str | None = None
    ) -> Told:
        """Do what a command says; what cannot be done is told, not raised.

        `why_not` is known already for one that failed elsewhere.
        """
        if not request.caller.named:
            return Told(UNNAMED)
        if why_not is not None:
            return Told(why_not)
        if not request.caller.named:
            return Told(UNNAMED)
        here = Here(self._store, self._prefix, request, tree, cursor)
        try:
            return await self._done(command, here)
        except (InvalidRequest, NotFound) as exc:
            return Told(exc.message)

    async def _done(self, command: Command, here: Here) -> Told:
        match command.name:
            case "where":
                return await here.where()
            case "tree":
                return await here.draw()
            case "new":
                return await here.go(None, "The next turn opens a new topic.")
            case "goto":
                return await here.goto(command.rest)
            case "back":
                return await here.back(command.rest)
            case "move":
                return await here.move(command.rest)
            case "help":
                return Told(self.help())
            case _:
                near = difflib.get_close_matches(command.name, NAMES, 1)
                guess = f" Did you mean `{self._prefix} {near[0]}`?" if near else ""
                return Told(f"`{self._prefix} {shorten(command.name)}` is no command.{guess}\n\n{self.help()}")

    def help(self) -> str:
        lines = [f"- `{self._prefix} {usage}`: {what}" for usage, what in COMMANDS.items()]
        return "\n".join(["Commands:", "", *lines])

    async def remember(self, command: Command, told: Told, request: Request, cursor: Cursor, conversation: str) -> None:
        """Keep the hashes of a command and its answer, and where it sends the next turn."""
        transcript, secret = request.transcript, request.user.secret
        link = transcript.links[-1]
        prev = cursor.at(len(transcript.said) - 1).prev
        assistants = fingerprint.last_assistants(transcript.links)
        after = fingerprint.extend(link, assistants, said("assistant", told.text), secret)
        asked = Seen(link.chain, prev, link.folded, None, "user", "command", None, None, conversation)
        answered = asked._replace(
            chain=after.chain, prev=link.chain, folded=after.folded, assistants=after.assistants, role="assistant"
        )
        seen = [asked, answered]
        name = f"command {command.name if command.name in NAMES else 'unknown'}"
        waits = (request.caller.key_id, request.turn.hint or "") if transcript.fresh else None
        await self._store.commanded(request.user.id, seen, name, told.goes_to, waits)


def completion(told: Told, model: str) -> Completion:
    """An answer as a model would have given it, at no cost."""
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    envelope = {"id": new_id("chatcmpl"), "created": int(time.time()), "model": model}
    return Completion([said("assistant", told.text)], ["stop"], usage, envelope)
