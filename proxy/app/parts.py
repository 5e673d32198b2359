"""What a running application is made of, built from its settings: the store, the door to models, the router, the road."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from proxy.api.hints import Hints
from proxy.api.signed_user import SignedUsers
from proxy.chat.answer import Chat
from proxy.chat.clients import aside
from proxy.chat.clients.rules import Clients
from proxy.chat.place import Policies
from proxy.chat.recalling import Recalling
from proxy.chat.tending import Pruning
from proxy.chat.terms import Rules
from proxy.chat.titling import Titling
from proxy.chat.typed.offer import Between
from proxy.config import ClientSettings, ContextSettings, RoutingSettings, Settings, TitleSettings, TraceSettings
from proxy.distil.summary import Summaries
from proxy.distil.title import Titles
from proxy.domain.ports import TreeFeed
from proxy.errors import ConfigError
from proxy.operations.figures import Figures
from proxy.operations.traces import Traces, exporting
from proxy.routing import personal
from proxy.routing.decision import Weights
from proxy.routing.embedded import EmbeddedScorer
from proxy.routing.embedder import Centred, embedder
from proxy.routing.grove import Grove
from proxy.routing.keeping import Keeping, VectorStore
from proxy.routing.limits import RoutingLimits
from proxy.routing.program import check as check_program
from proxy.routing.recall import Recall
from proxy.routing.router import GraftRouter, build_llm
from proxy.store.connection import MEMORY, file_of
from proxy.store.sqlite import SqliteStore
from proxy.upstream.care.attempts import CareRules
from proxy.upstream.care.breaker import Rest
from proxy.upstream.discovery import models_from_environment
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import FROM_ENVIRONMENT, Models, models_from_list
from proxy.upstream.session import Timeouts

if TYPE_CHECKING:
    from proxy.routing.place_turn import LlmPlacer  # imports DSPy, which waits until the port is open


CHEAP_AT_ONCE = 16
"""Exchanges whose vectors are written at once where computing them again costs less than a transaction each."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a running application is made of."""

    store: SqliteStore
    lanes: Lanes
    router: GraftRouter
    chat: Chat
    recall: Recall


def assemble(
    settings: Settings,
    store: SqliteStore,
    configured: Models,
    figures: Figures | None = None,
    traces: Traces | None = None,
) -> Parts:
    """The parts over a store and some models."""
    lanes = lanes_of(settings, configured, figures, traces)
    vectors = embedder(settings.routing.embedder)
    folder = None if settings.storage.encryption else folder_of(settings.storage.url)  # nothing readable beside it
    router = turn_router(settings.routing, store, lanes, folder, vectors, store)
    recall, context = Recall(store, vectors), settings.context
    recalling = Recalling(recall, context.memories, context.memory_tokens) if context.memories else None
    rules = Rules(
        policies=Policies(person=settings.routing.policy, fresh=settings.routing.fresh),
        zones_as=settings.context.zones_as,
        reply_tokens=settings.context.reply_tokens,
        margin=settings.context.margin,
        checkpoint_s=settings.storage.checkpoint_s,
        silence_s=settings.server.keep_alive_s,
        clients=known_clients(settings.clients),
        ask_between=Between(*settings.routing.ask_between) if settings.routing.ask else None,
        commands=settings.routing.commands,
        scorer_model=settings.routing.model,
        recalling=recalling,
    )
    told_short, titled = pruning(settings.context, lanes), titling(settings.titles, store, lanes)
    chat = Chat(store, router, lanes, rules, told_short, titled, figures)
    return Parts(store, lanes, router, chat, recall)


def titling(titles: TitleSettings, store: SqliteStore, lanes: Lanes) -> Titling:
    """How trees get titles. Raises ConfigError for a model that cannot write."""
    if titles.model is not None:
        lanes.scorer(titles.model, "titles.model")
    return Titling(store, Titles(lanes.scorer, titles.model), auto=titles.auto)


def pruning(context: ContextSettings, lanes: Lanes) -> Pruning:
    """How paths are told in short. Raises ConfigError for a model that cannot write."""
    if context.summary_model is not None:
        lanes.scorer(context.summary_model, "context.summary_model")
    return Pruning(
        Summaries(lanes.scorer, lanes.window_tokens, context.summary_model),
        auto=context.summaries == "auto",
        most_tokens=context.summary_tokens,
    )


def known_clients(clients: ClientSettings) -> Clients:
    """The rules and profiles that are not switched off."""
    return Clients(
        [rule for rule in clients.helpers if rule.name not in clients.helpers_off],
        [profile for profile in clients.profiles if profile.name not in clients.profiles_off],
    )


def hints_of(clients: ClientSettings) -> Hints:
    """The names under which clients say something of themselves."""
    return Hints(
        conversation_headers=_lower(clients.conversation_headers),
        task_headers=_lower(clients.task_headers),
        subagent_headers=_lower(clients.subagent_headers),
        task_models=frozenset(clients.task_models),
        message_headers=_lower(clients.message_headers),
        parent_headers=_lower(clients.parent_headers),
        reply_headers=_lower(clients.reply_headers),
        pass_on=_lower(clients.pass_on),
        marks=frozenset(_lower([name for profile in clients.profiles for name in profile.headers])),
    )


def signed_users(clients: ClientSettings, env: Mapping[str, str]) -> SignedUsers | None:
    """How sub-users are named by signed tokens, where a secret is set. Raises ConfigError."""
    if clients.user_jwt_secret is None:
        return None
    secret = resolved(clients.user_jwt_secret, env, "clients.user_jwt_secret")
    return SignedUsers(_lower(clients.user_jwt_headers), secret.encode())


def resolved(secret: SecretStr, env: Mapping[str, str], setting: str) -> str:
    """A secret as it is, or out of the variable that it names. Raises ConfigError where that is not set."""
    told = secret.get_secret_value()
    if not told.startswith(FROM_ENVIRONMENT):
        return told
    name = told.removeprefix(FROM_ENVIRONMENT)
    if not env.get(name):
        raise ConfigError(f"{setting} names the variable {name}, which is not set.")
    return env[name]


def traces_of(settings: TraceSettings) -> Traces | None:
    """How requests are traced, where that is wanted. Raises ConfigError where the libraries are missing."""
    if not settings.enabled:
        return None
    return exporting(settings.endpoint, settings.share, content=settings.content)


def aside_kinds(clients: ClientSettings) -> frozenset[str]:
    """What asides are counted as: names that a client makes up are none of these."""
    return frozenset({*(rule.name for rule in clients.helpers), aside.OFF, aside.UNSAID})


def _lower(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


def lanes_of(
    settings: Settings, configured: Models, figures: Figures | None = None, traces: Traces | None = None
) -> Lanes:
    """The door to some models."""
    waits = settings.upstream
    timeouts = Timeouts(
        connect_s=waits.connect_s,
        first_token_s=waits.first_token_s,
        idle_s=waits.idle_s,
        whole_s=waits.whole_s,
        stream_s=waits.stream_s,
        answer_bytes=int(waits.answer_mb * 2**20),
    )
    for name in {*waits.fallbacks, *(name for names in waits.fallbacks.values() for name in names)}:
        if name not in configured:
            raise ConfigError(f"upstream.fallbacks names the model {name!r}, which is not configured.")
    care = CareRules(waits.retries, waits.fallbacks, Rest(waits.breaker_failures, waits.breaker_rest_s))
    window_tokens = settings.context.window_tokens
    return Lanes(
        configured, timeouts, window_tokens, trust_env=waits.trust_env, care=care, figures=figures, traces=traces
    )


def configured_models(settings: Settings, env: Mapping[str, str]) -> Models:
    """The models of the configuration, else of the environment."""
    entries = [entry.model_dump() for entry in settings.model_list]
    return models_from_list(entries, env) if entries else models_from_environment(env)


def turn_router(
    routing: RoutingSettings,
    feed: TreeFeed,
    lanes: Lanes,
    folder: Path | None = None,
    vectors: Centred | None = None,
    kept: VectorStore | None = None,
) -> GraftRouter:
    """The router: the embedded scorer, behind it the LLM if one is named. Raises ConfigError for a model that cannot score.

    Args:
        folder: Where large trees may put what is seldom needed; without one, all of them stays in memory.
        vectors: The embedder, where others use it too.
        kept: Where vectors are kept for the next process; with it, a request waits a part of the deadline for those that are lacking.
    """
    limits, vectors = limits_of(routing), vectors or embedder(routing.embedder)
    own = personal.load(Path(routing.personal), routing.embedder) if routing.personal is not None else None
    waits_s = limits.deadline_s / 4 if kept is not None else None
    gate = EmbeddedScorer(vectors, Weights.shipped(routing.embedder), own, waits_s=waits_s)
    least = 1 if routing.embedder == "minilm" else CHEAP_AT_ONCE
    keeping = Keeping(kept, gate, vectors.maker, least) if kept is not None else None
    return GraftRouter(Grove(feed, gate.model, folder=folder), gate, limits, llm_scorer(routing, lanes), keeping)


def folder_of(storage_url: str) -> Path | None:
    """The folder of a database; `None` for one in memory."""
    file = file_of(storage_url)
    return None if file == MEMORY else Path(file).absolute().parent


def limits_of(routing: RoutingSettings) -> RoutingLimits:
    """The bounds of one decision."""
    return RoutingLimits(
        mode=routing.mode,
        window=routing.window,
        group=routing.group,
        shortlist=routing.shortlist,
        max_calls=routing.max_calls,
        deadline_s=routing.deadline_s,
        gate=routing.gate,
    )


def llm_scorer(routing: RoutingSettings, lanes: Lanes) -> Callable[[], LlmPlacer] | None:
    """What builds the LLM scorer; DSPy is imported when it is called. Raises ConfigError for a model that cannot score and a file that is no program."""
    if routing.model is None:
        return None
    scorer, model = lanes.scorer(routing.model), routing.model
    program = Path(routing.program) if routing.program is not None else None
    if program is not None:
        check_program(program)
    return lambda: build_llm(scorer, limits_of(routing), schema=lanes.honours_schema(model), program=program)
