"""Where a turn is attached: what the client said, what its history says, and only then the router.

names a parent                                       pinned
the same turn again                                  the stored turn; nothing is placed
policy `follow` or `shadow`                          follow: the cursor
ends in a tool result, or goes on from a prefill     continue: the cursor
ends in the result of a tool that lives in the text  continue: the cursor
a turn in place of an earlier one (an edit)          fork: beside the earlier one
more of a turn that is stored without its reply      continue: the cursor
a new user turn                                      the router: continue, return, fork or root; instead of the root,
                                                     what the assistant opened the chat with
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from proxy.chat.clients.rules import Profile
from proxy.chat.history import loops
from proxy.chat.history.again import KnownTurn
from proxy.chat.history.cursor import Cursor
from proxy.chat.request import Request
from proxy.domain.placement import Attachment, Fresh, Policy, Question, Route
from proxy.domain.ports import TreeStore, TurnRouter
from proxy.domain.tree import DEFAULT_TREE, ROOT, Node, NodeId, Tree, UserId
from proxy.domain.turn import Caller, Turn

PLACING = ("auto", "shadow")
"""Policies under which the router is asked."""


@dataclass(frozen=True, slots=True)
class Policies:
    """Defaults for requests and keys that set no policy."""

    person: Policy = "auto"
    fresh: Fresh | None = None


def policy_of(turn: Turn, caller: Caller, defaults: Policies, profile: Profile | None = None) -> Policy:
    """The policy of one request: its own, else its key's, else the default; without a named user nothing is ever placed.

    A client's profile speaks where the default would place: a key's own policy is the word of whoever gave out the key. What a key
    lets its clients keep out of the tree (`store: false`) is answered and not stored.
    """
    if _unkept(turn, caller):
        return "off"
    default = _default(caller, defaults)
    if profile is not None and default == "auto":
        default = profile.policy
    policy = turn.policy or caller.policy or default
    return "follow" if policy in PLACING and not caller.named else policy


def ever_placed(turn: Turn, caller: Caller, defaults: Policies) -> bool:
    """Whether this turn, or others that come under its key, are placed: only then is what the router derives ever read."""
    if not caller.named or _unkept(turn, caller):
        return False
    return turn.policy in PLACING or (caller.policy or _default(caller, defaults)) in PLACING


def _unkept(turn: Turn, caller: Caller) -> bool:
    return caller.honours_store and turn.options.get("store") is False


def _default(caller: Caller, defaults: Policies) -> Policy:
    return defaults.person if caller.kind == "person" else "follow"


async def tree_for(store: TreeStore, user_id: UserId, turn: Turn, cursor: Cursor, pin: Node | None) -> Tree:
    """The tree that the turn grows in: the one named, else the one the history is in, else the default."""
    if turn.tree is not None:
        return await store.tree(user_id, turn.tree)
    known = pin.tree_id if pin else cursor.tree_id
    return await store.tree_of(user_id, known) if known else await store.tree(user_id, DEFAULT_TREE)


async def pin_of(store: TreeStore, user_id: UserId, turn: Turn) -> Node | None:
    """The node that the client names as parent; `None` when it names none, or the root.

    Raises NotFound.
    """
    return None if turn.parent in (None, ROOT) else await store.node(user_id, NodeId(str(turn.parent)))


def settled(request: Request, cursor: Cursor, known: KnownTurn) -> Attachment | None:
    """The place, where it needs no router."""
    if request.pinned:
        parent = None if request.turn.parent == ROOT else NodeId(str(request.turn.parent))
        return _given(parent, "pinned", "the client named the parent")
    if request.policy in ("follow", "shadow"):
        at = known.edited.parent_id if known.edited else cursor.node_id
        return _given(at, "follow", "the client's own history")
    return unrouted(request, cursor, known)


def unrouted(request: Request, cursor: Cursor, known: KnownTurn) -> Attachment | None:
    """Where policy `auto` puts a turn without asking the router."""
    transcript = request.transcript
    at = known.edited.parent_id if known.edited else cursor.node_id
    if any(message.role in ("tool", "function") for message in transcript.said[transcript.turn_from :]):
        return _given(at, "continue", "goes on after a tool result")
    if loops.goes_on(transcript.said, transcript.turn_from):
        return _given(at, "continue", "goes on after a tool result in the text")
    if transcript.prefill:
        return _given(at, "continue", "goes on from a reply that the client began")
    if known.edited:
        return _given(at, "fork", "an edit: the turn stands beside the one it replaces")
    if cursor.new_from < len(transcript.said) and any(index >= transcript.turn_from for index in cursor.nodes):
        return _given(at, "continue", "goes on with a turn that has no reply here")
    return None


def undecided(request: Request, cursor: Cursor, known: KnownTurn) -> bool:
    """Whether policy `auto` would have asked the router."""
    again = known.asked_again is not None
    return not again and not request.pinned and unrouted(request, cursor, known) is None


async def question(
    store: TreeStore, request: Request, cursor: Cursor, tree: Tree, fresh_rule: Fresh | None
) -> Question:
    """What the router is asked."""
    transcript, turn = request.transcript, request.turn
    fresh: Fresh | None = None
    where, age = cursor.node_id, 0.0
    if transcript.fresh and not cursor.known:
        fresh = fresh_rule or ("confident" if turn.hint else "auto")
        active = await store.active(tree.user_id, tree.id, request.caller.key_id, turn.hint)
        if active is not None:
            where, age = active.node_id, max(0.0, time.time() - active.at)
    return Question(
        user_id=tree.user_id,
        tree_id=tree.id,
        new_turn="\n".join(message.text for message in transcript.said[transcript.turn_from :]),
        cursor=where,
        system=request.system_text,
        fresh=fresh,
        active_age_s=age,
        personality=turn.personality,
    )


async def routed(router: TurnRouter, asked: Question) -> Attachment:
    """The router's answer; a fresh chat that may join nothing needs none."""
    if asked.fresh == "root":
        return Attachment(None, "root", "a chat without history begins at the root", confidence=1.0, scorer="none")
    return await router.attach(asked)


def under_greeting(request: Request, cursor: Cursor, attachment: Attachment) -> Attachment:
    """A first turn that joins nothing stays under the words with which the assistant began: they open this very chat."""
    trimmed = cursor.found_by not in (
        "adopted",
        "chain",
    )  # then a reply stands first because what it answers was cut away
    if attachment.route != "root" or not request.transcript.greeted or cursor.node_id is None or trimmed:
        return attachment
    return replace(attachment, parent_id=cursor.node_id, route="continue")


def _given(parent_id: NodeId | None, route: Route, reason: str) -> Attachment:
    return Attachment(parent_id, route, reason, confidence=1.0, scorer="none")
