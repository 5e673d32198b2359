"""Whether the configuration can be used as it stands: names, variables, models, and what is dangerous in it."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proxy.api.auth import is_loopback
from proxy.app.parts import configured_models, lanes_of, llm_scorer, resolved, signed_users, turn_router
from proxy.cli.doctor.finding import Finding, fail, ok, warn
from proxy.config import Settings, load, read_yaml
from proxy.domain.placement import Mark, TreeSlice
from proxy.domain.tree import TreeId, UserId
from proxy.errors import ConfigError, ProxyError
from proxy.operations import traces
from proxy.store.connection import MEMORY, file_of
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import FROM_ENVIRONMENT, Models

CHECK = "configuration"
_EDIT = "Correct the configuration; config.example.yaml shows every key."


def read(config_file: str | None, env: Mapping[str, str]) -> tuple[Settings | None, list[Finding]]:
    """The settings, where they can be read, and what is to be said of them."""
    name = config_file or env.get("GRAFT_CONFIG")
    where = f"the file {name}" if name else "defaults and the environment"
    try:
        settings = load(config_file, env)
    except ConfigError as exc:
        return None, [fail(CHECK, exc.message, _EDIT), *_readable(name)]
    return settings, [ok(CHECK, f"Read from {where}."), *_readable(name)]


def _readable(name: str | None) -> Iterator[Finding]:
    """Whether others may read keys in the file."""
    if name is None or not Path(name).is_file():
        return
    mode = stat.S_IMODE(Path(name).stat().st_mode)
    try:
        holds = any(_spelled_out(read_yaml(Path(name))))
    except ConfigError:
        return
    if holds and mode & 0o077:
        told = f"{name} spells a key out, and other users of this machine may read it (mode {mode:o})."
        yield warn("configuration file", told, f"chmod 600 {name}, or name a variable: `os.environ/NAME`.")


def _spelled_out(values: object, key: str = "") -> Iterator[str]:
    match values:
        case Mapping():
            for name, inner in values.items():
                yield from _spelled_out(inner, str(name))
        case list():
            for inner in values:
                yield from _spelled_out(inner, key)
        case str() if "key" in key and key not in {"key_env", "key_file"}:
            if not values.startswith(FROM_ENVIRONMENT) and values not in ("", "none-needed", "none"):
                yield values


def unset(settings: Settings, env: Mapping[str, str]) -> list[Finding]:
    """Variables that the configuration names and nobody has set."""
    told: dict[str, list[str]] = {}
    for entry in settings.model_list:
        for variable in _variables(entry.litellm_params):
            told.setdefault(variable, []).append(f"model {entry.model_name!r}")
    secrets = (("clients.user_jwt_secret", settings.clients.user_jwt_secret), ("metrics.token", settings.metrics.token))
    for setting, secret in secrets:
        for variable in _variables(secret.get_secret_value() if secret else None):
            told.setdefault(variable, []).append(setting)
    missing = {variable: who for variable, who in told.items() if not env.get(variable)}
    if not missing:
        return [ok("variables", f"All {len(told)} that are named are set.")] if told else []
    return [
        fail("variables", f"{variable} is not set; {', '.join(who)} needs it.", f"export {variable}=...")
        for variable, who in missing.items()
    ]


def _variables(value: Any) -> Iterator[str]:
    match value:
        case str() if value.startswith(FROM_ENVIRONMENT):
            yield value.removeprefix(FROM_ENVIRONMENT)
        case Mapping():
            for inner in value.values():
                yield from _variables(inner)
        case list() | tuple():
            for inner in value:
                yield from _variables(inner)


def models(settings: Settings, env: Mapping[str, str]) -> tuple[Models | None, list[Finding]]:
    """The models, where all of them can be used, and whether the rest fits them."""
    try:
        found = configured_models(settings, env)
    except ConfigError as exc:
        return None, [fail("models", exc.message, _EDIT)]
    lacking: list[Finding] = []
    try:
        lanes = lanes_of(settings, found)
        turn_router(settings.routing, _Bare(), lanes)
        lacking += _program(settings, lanes)
        for name, model in (
            ("titles.model", settings.titles.model),
            ("context.summary_model", settings.context.summary_model),
        ):
            if model is not None:
                lanes.scorer(model, name)
        signed_users(settings.clients, env)
        if settings.metrics.token is not None:
            resolved(settings.metrics.token, env, "metrics.token")
        if settings.traces.enabled:
            traces.exporting(settings.traces.endpoint, settings.traces.share).close()
    except ProxyError as exc:
        lacking.append(fail("settings", exc.message, _EDIT))
    names = found.names()
    if names == ["mirror"]:
        do = "Name models in `model_list`, or set a provider's key such as OPENAI_API_KEY."
        return found, [warn("models", "There is none; the built-in `mirror` answers.", do), *lacking]
    told = f"{len(found.all())} deployments of {len(names)} models: {', '.join(names)}."
    return found, [ok("models", told), *lacking]


def _program(settings: Settings, lanes: Lanes) -> Iterator[Finding]:
    """Whether DSPy takes the compiled program, which a start does not wait for."""
    build = llm_scorer(settings.routing, lanes)
    if settings.routing.program is None or build is None:
        return
    try:
        build()
    except Exception as exc:  # noqa: BLE001  # of a library, over a file that is not ours
        told = exc.message if isinstance(exc, ProxyError) else f"{type(exc).__name__}: {exc}"
        yield fail(
            "routing.program",
            f"{settings.routing.program} cannot be used, and the embedded scorer decides alone: {told}",
            "Run `graft optimize` again, or leave the program out.",
        )


class _Bare:
    """A feed whose trees are empty: the router is built and never asked."""

    async def slice(self, user_id: UserId, tree_id: TreeId, mark: Mark | None) -> TreeSlice:  # noqa: ARG002
        return TreeSlice(mark or Mark(0, 0), (), reset=mark is None)


def dangers(settings: Settings, *, has_keys: bool) -> Iterator[Finding]:
    """What works and may be meant otherwise."""
    server = settings.server
    if not is_loopback(server.host) and not has_keys and not server.first_key:
        told = f"server.host is {server.host}, and there is no key: the server will not start."
        yield fail("exposure", told, "graft keys add USER, or server.host: 127.0.0.1.")
    elif not is_loopback(server.host):
        do = "Put a proxy with TLS in front, if this network is not your own."
        yield warn("exposure", f"The server listens on {server.host}, without TLS of its own.", do)
    if server.workers > 1 and file_of(settings.storage.url) == MEMORY:
        yield fail("workers", "A database in memory belongs to one process.", "Name a file under storage.url.")
    if server.log_content:
        yield warn("log", "What is said is written to the log.", "server.log_content: false, once you have seen it.")
    if settings.traces.enabled and settings.traces.content:
        yield warn("traces", "What is said is sent with traces.", "traces.content: false, once you have seen it.")
    if "*" in server.cors_origins and not has_keys:
        yield warn("exposure", "server.cors_origins allows all pages.", "Name the pages that may call this server.")
