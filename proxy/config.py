"""Settings, read once from YAML and the environment.

The file is named by `--config` or `GRAFT_CONFIG`; every key can also be set by a variable such as `GRAFT__SERVER__PORT`, which
wins over the file. Unknown keys are refused. `config.example.yaml` shows every key. `model_list` has LiteLLM's own format, and
the sections of a LiteLLM configuration that mean nothing here are accepted and named in the log, so that an existing file can be used.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from proxy.chat.clients.known import HELPERS, PROFILES
from proxy.chat.clients.rules import HelperRule, Profile
from proxy.domain.placement import Fresh, Policy
from proxy.errors import ConfigError
from proxy.routing.limits import Mode

if TYPE_CHECKING:
    from proxy.store.sealing.cipher import Cipher

LITELLM_SECTIONS = ("litellm_settings", "general_settings", "router_settings", "environment_variables")
"""Parts of a LiteLLM configuration that Graft does not use."""

PREFIX = "GRAFT__"
"""What the variables begin with."""

NEVER_PASSED_ON = frozenset(
    {
        *("authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "host", "origin"),
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "accept-encoding", "expect"),
    }
)
"""Headers that hold keys, or that belong to one connection (RFC 9110, section 7.6.1)."""

Named = TypeVar("Named", HelperRule, Profile)


class Section(BaseModel):
    """A part of the configuration: frozen, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class ServerSettings(Section):
    host: str = "127.0.0.1"
    """Anything but loopback needs at least one key (`graft keys add`)."""
    port: int = Field(default=4800, ge=0, le=65535)
    """0 takes any free port."""
    workers: int = Field(default=1, ge=1, le=64)
    """Processes that serve, on one database file; each holds models and trees of its own in memory."""
    first_key: bool = False
    """On another address than loopback, with no key yet: make one for the user `admin` and print it, instead of refusing to start."""
    max_body_mb: float = Field(default=64, gt=0)
    """Larger request bodies are refused with 413."""
    max_bodies_mb: float = Field(default=1000, gt=0)
    """Of all bodies that are being read or answered; above it, further requests are told to come back."""
    max_messages: int = Field(default=20_000, ge=1)
    """Messages of one request."""
    max_tools: int = Field(default=1000, ge=1)
    """Tools of one request."""
    max_images: int = Field(default=1000, ge=0)
    """Images and files of one request, in all of its messages."""
    max_url_kb: float = Field(default=16, gt=0)
    """Longer URLs are refused with 414."""
    max_headers: int = Field(default=200, ge=1)
    max_headers_kb: float = Field(default=64, gt=0)
    """Requests with more of them, by number or by size, are refused with 431."""
    max_connections: int = Field(default=2000, ge=1)
    """Open connections; on further ones requests are told to come back."""
    head_s: float = Field(default=15.0, gt=0)
    """Longest wait for a request's headers."""
    body_s: float = Field(default=30.0, gt=0)
    body_kb_s: float = Field(default=8.0, gt=0)
    """Longest wait for a request's body: so many seconds, and one more for each of so many kilobytes."""
    unread_s: float = Field(default=60.0, gt=0)
    """A client that leaves an answer unread for so long is disconnected."""
    cors_origins: tuple[str, ...] = ()
    """Web pages, as `https://host:port`, whose scripts may call this server; `*` for all, once there are keys."""
    keep_alive_s: float = Field(default=15.0, gt=0)
    """Longest silence in a stream before a comment keeps its connection open."""
    grace_s: float = Field(default=8.0, ge=0)
    """How long requests that are being answered may go on once the server was asked to stop."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    """Lines for people, or a JSON object a line."""
    log_content: bool = False
    """Whether what is said is written to the log."""
    max_at_once: int = Field(default=1000, ge=1)
    """Requests that models are asked at the same time; further ones are told to come back."""


class LimitSettings(Section):
    """For keys that carry no limits of their own."""

    requests_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_day: int | None = Field(default=None, ge=1)
    at_once: int | None = Field(default=None, ge=1)
    """Requests under one key that are answered at the same time."""


class KeySource(Section):
    """Where a storage key is found."""

    key_env: str | None = None
    """The variable that holds it."""
    key_file: str | None = None
    """The file that holds it, for its owner alone to read."""
    plain: bool = False
    """In a key's place: values as they are."""

    @model_validator(mode="after")
    def _one(self) -> KeySource:
        if (self.key_env is not None) + (self.key_file is not None) + self.plain != 1:
            raise ValueError("one of key_env, key_file and `plain: true`")
        return self


class StorageSettings(Section):
    url: str = "sqlite:///graft.db"
    """`sqlite:///relative.db`, `sqlite:////absolute.db` or `sqlite://:memory:`."""
    durability: Literal["process", "power"] = "process"
    """An acknowledged write survives a crash of the process, or of the machine."""
    checkpoint_s: float = Field(default=3.0, gt=0)
    """How often a long reply is made durable while it streams."""
    expire_days: float | None = Field(default=None, gt=0)
    """Trees and branches without activity for so long are deleted, once an hour; unset, never."""
    encryption: tuple[KeySource, ...] = ()
    """Keys of what is stored: the first seals, and all of them open; none leaves everything readable."""

    def cipher(self, env: Mapping[str, str] = os.environ) -> Cipher | None:
        """How values are sealed; `None` for not at all. Raises ConfigError."""
        if all(source.plain for source in self.encryption):
            return None
        from proxy.store.sealing import cipher, keys  # noqa: PLC0415 - loads cryptography, which plain databases do without

        sources = [keys.Source(source.key_env, source.key_file) for source in self.encryption]
        return cipher.Cipher(keys.read_keys(sources, env))


class ModelEntry(Section):
    """One deployment in LiteLLM's format."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    model_name: str = Field(min_length=1)
    litellm_params: dict[str, Any]
    model_info: dict[str, Any] = Field(default_factory=dict)


class RoutingSettings(Section):
    policy: Policy = "auto"
    """For `person` keys without a policy of their own; `app` keys follow."""
    model: str | None = None
    """The LLM scorer: a name from `model_list`. Without one the embedded scorer decides alone."""
    mode: Mode = "tournament"
    """How the LLM scorer compares conversations."""
    program: str | None = None
    """A file that `graft optimize` wrote: the LLM scorer's prompts and examples, compiled."""
    embedder: Literal["minilm", "static"] = "minilm"
    """Vectors of the embedded scorer: MiniLM (better) or static word vectors (lighter)."""
    personal: str | None = None
    """A folder of what `graft optimize --embedded --user` learned from single users' corrections."""
    fresh: Fresh | None = None
    """Requests without history: `root`, `confident` or `auto`. Unset: `confident` when the client names its chat, else `auto`."""
    window: int = Field(default=4, ge=1, le=16)
    """Messages in a window."""
    group: int = Field(default=4, ge=2, le=16)
    """Windows the scorer compares in one call."""
    shortlist: int = Field(default=16, ge=4, le=64)
    """Windows that enter a tournament."""
    max_calls: int = Field(default=12, ge=1)
    """Scorer calls for one turn, whatever the size of the tree."""
    deadline_s: float = Field(default=4.0, gt=0)
    """Seconds for one placement; then the embedded answer stands."""
    gate: float = Field(default=0.9, ge=0, le=1)
    """Confidence from which the embedded scorer's answer is not shown to the LLM; 1 asks the LLM about every turn."""
    ask: bool = False
    """Between two thresholds a turn stays where its client is, and a line behind the reply offers the other place."""
    ask_between: tuple[float, float] = (0.4, 0.7)
    """The two thresholds: chances that the other place is right."""
    commands: str | None = Field(default="/graft", min_length=2, max_length=40, pattern=r"^\S+$")
    """What a command typed in a chat begins with; none for no commands."""

    @field_validator("ask_between")
    @classmethod
    def _in_order(cls, between: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= between[0] < between[1] <= 1:
            raise ValueError("two chances between 0 and 1, the lower one first")
        return between


class ContextSettings(Section):
    zones_as: Literal["auto", "system", "merge", "user"] = "auto"
    """Zones as a system message of their own, merged into the client's last one, as a user's message, or as the upstream needs it."""
    window_tokens: int = Field(default=128_000, ge=512)
    """Input window of models for which none is known."""
    reply_tokens: int = Field(default=4_096, ge=0)
    """Room for the reply when the client sets no limit."""
    margin: float = Field(default=0.05, ge=0, lt=0.5)
    """Share of the window that is left free, since counts of foreign tokenizers are estimates."""
    summaries: Literal["auto", "off"] = "auto"
    """Whether the beginning of a path that outgrows its budget is told in short; without it, it is only cut."""
    summary_model: str | None = None
    """Who writes summaries: a name from `model_list`; without one, the model of the turn."""
    summary_tokens: int = Field(default=1_024, ge=64)
    """The longest summary."""
    memories: int = Field(default=0, ge=0, le=20)
    """Most memories that are placed with a turn because it is about them; 0 places only those that are loaded."""
    memory_tokens: int = Field(default=1_000, ge=50)
    """Most tokens of these."""


class TitleSettings(Section):
    auto: bool = False
    """A tree without a title gets one behind its first reply; the reply never waits for it."""
    model: str | None = None
    """Who writes titles: a name from `model_list`; without one, the model of the turn."""


class UpstreamSettings(Section):
    connect_s: float = Field(default=10.0, gt=0)
    first_token_s: float = Field(default=120.0, gt=0)
    idle_s: float = Field(default=60.0, gt=0)
    """Longest silence inside a stream."""
    whole_s: float = Field(default=600.0, gt=0)
    """Longest wait for an answer that is not streamed."""
    stream_s: float = Field(default=3600.0, gt=0)
    """Longest answer that is streamed."""
    answer_mb: float = Field(default=64.0, gt=0)
    """Largest answer, unpacked, streamed or not."""
    trust_env: bool = True
    """Providers are asked through the proxies that the environment names, as LiteLLM and httpx do."""
    retries: int = Field(default=0, ge=0, le=10)
    """How often a model that cannot answer is asked again before anything of its answer was passed on."""
    fallbacks: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Models that are asked where a model cannot answer."""
    breaker_failures: int = Field(default=5, ge=1)
    """Failures in a row after which a server is left alone."""
    breaker_rest_s: float = Field(default=10.0, gt=0)
    """How long it is left alone at first."""


class ClientSettings(Section):
    conversation_headers: tuple[str, ...] = (
        "x-openwebui-chat-id",
        "x-librechat-conversation-id",
        "x-opencode-session",
        "x-session-id",
        "x-claude-code-session-id",
        "thread-id",
        "session-id",
    )
    """Headers in which clients name their chat: they narrow the search for the cursor and never authorise."""
    message_headers: tuple[str, ...] = ("x-openwebui-user-message-id",)
    """Headers in which clients name the user's message."""
    parent_headers: tuple[str, ...] = ("x-openwebui-user-message-parent-id", "x-librechat-parent-message-id")
    """Headers in which they name the message that it answers."""
    reply_headers: tuple[str, ...] = ("x-openwebui-message-id", "x-librechat-message-id")
    """Headers in which they name the reply to come."""
    user_headers: tuple[str, ...] = ("x-graft-user", "x-openwebui-user-id", "x-librechat-user-id")
    """Headers in which the holder of an `app` key names its sub-user; ignored for `person` keys."""
    user_jwt_headers: tuple[str, ...] = ("x-openwebui-user-jwt",)
    """Headers with a signed token whose `sub` names the sub-user."""
    user_jwt_secret: SecretStr | None = None
    """What the tokens are signed with (HS256): `os.environ/NAME`. With it, sub-users are named in no other way."""
    pass_on: tuple[str, ...] = ("x-session-affinity", "x-opencode-session")
    """Headers of the client that go to the provider as they came; no others do."""
    task_headers: tuple[str, ...] = ("x-graft-task", "x-openwebui-task")
    """Headers in which clients say that a request is a helper's: any value but an empty one."""
    subagent_headers: tuple[str, ...] = (
        "x-openai-subagent",
        "x-openai-memgen-request",
        "x-parent-session-id",
        "x-claude-code-agent-id",
    )
    """Headers that are there when a sub-agent asks."""
    task_models: tuple[str, ...] = ()
    """Names of `model_list` that answer helper requests only."""
    helpers: tuple[HelperRule, ...] = HELPERS
    """Helper requests known by their shape; the shipped ones, those of the same name replaced, others added."""
    helpers_off: tuple[str, ...] = ()
    """Names of rules that are not used."""
    profiles: tuple[Profile, ...] = PROFILES
    """Known clients; merged like `helpers`."""
    profiles_off: tuple[str, ...] = ()
    """Names of profiles that are not used."""

    @field_validator("pass_on")
    @classmethod
    def _harmless(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name.lower() in NEVER_PASSED_ON or name.lower().startswith(("x-graft-", "content-", "proxy-")):
                raise ValueError(f"{name!r} is never passed on")
        return names

    @field_validator("helpers")
    @classmethod
    def _with_shipped_helpers(cls, own: tuple[HelperRule, ...]) -> tuple[HelperRule, ...]:
        return _merged(HELPERS, own)

    @field_validator("profiles")
    @classmethod
    def _with_shipped_profiles(cls, own: tuple[Profile, ...]) -> tuple[Profile, ...]:
        return _merged(PROFILES, own)

    @model_validator(mode="after")
    def _known_names(self) -> ClientSettings:
        for key, off, known in (
            ("helpers_off", self.helpers_off, self.helpers),
            ("profiles_off", self.profiles_off, self.profiles),
        ):
            if unknown := sorted(set(off) - {one.name for one in known}):
                raise ValueError(f"{key} names {unknown[0]!r}, and there is none of that name")
        return self


class MetricSettings(Section):
    """`GET /metrics`."""

    enabled: bool = True
    token: SecretStr | None = None
    """What whoever asks from another machine must show: `os.environ/NAME`. Without one, this machine alone may ask."""


class TraceSettings(Section):
    """Traces for OpenTelemetry."""

    enabled: bool = False
    endpoint: str | None = None
    """Where they are sent over OTLP/HTTP; unset, where the variables of OpenTelemetry say."""
    share: float = Field(default=1.0, ge=0, le=1)
    """How many of the traces that begin here are kept."""
    content: bool = False
    """Whether spans hold what was said."""


class Settings(BaseSettings):
    """The whole configuration."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_parse_none_str="null",
        protected_namespaces=(),
    )

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    model_list: tuple[ModelEntry, ...] = ()
    routing: RoutingSettings = RoutingSettings()
    context: ContextSettings = ContextSettings()
    titles: TitleSettings = TitleSettings()
    upstream: UpstreamSettings = UpstreamSettings()
    clients: ClientSettings = ClientSettings()
    limits: LimitSettings = LimitSettings()
    metrics: MetricSettings = MetricSettings()
    traces: TraceSettings = TraceSettings()

    ignored: ClassVar[tuple[str, ...]] = LITELLM_SECTIONS

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (env_settings, init_settings)  # the environment wins over the file


def _merged(shipped: tuple[Named, ...], own: tuple[Named, ...]) -> tuple[Named, ...]:
    """The shipped rules, those of the same name replaced, and the others behind them."""
    given = {rule.name: rule for rule in own}
    known = {rule.name for rule in shipped}
    return tuple([given.get(rule.name, rule) for rule in shipped] + [rule for rule in own if rule.name not in known])


def load(config_file: str | None = None, env: Mapping[str, str] = os.environ) -> Settings:
    """Read the configuration.

    Args:
        config_file: A YAML file; `GRAFT_CONFIG` where it is `None`; defaults where that is not set either.

    Raises:
        ConfigError: The file cannot be read, or a value is not allowed; the message names the key.
    """
    name = config_file or env.get("GRAFT_CONFIG")
    values = read_yaml(Path(name)) if name else {}
    _refuse_unknown_variables(env)
    try:
        return Settings(**{key: value for key, value in values.items() if key not in LITELLM_SECTIONS})
    except ValidationError as exc:
        where = f"{name} and the environment" if name else "the environment"
        lines = [_told(error["loc"], error["type"], error["msg"]) for error in exc.errors()]
        raise ConfigError(f"The configuration in {where} cannot be used:\n  " + "\n  ".join(lines)) from exc
    except SettingsError as exc:
        raise ConfigError(
            f"A variable cannot be read; lists and mappings are written as JSON: {exc} ({exc.__cause__})."
        ) from exc


def _refuse_unknown_variables(env: Mapping[str, str]) -> None:
    """Raises ConfigError for a variable of no section: pydantic reads those it knows and looks at no others."""
    for variable in env:
        section = variable.upper().removeprefix(PREFIX).partition("__")[0].lower()
        if variable.upper().startswith(PREFIX) and section not in Settings.model_fields:
            known = ", ".join(PREFIX + name.upper() for name in Settings.model_fields)
            raise ConfigError(f"The variable {variable} belongs to no section. Variables begin with one of: {known}.")


def _told(where: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(str(part) for part in where)
    return f"{key}: there is no such key" if kind == "extra_forbidden" else f"{key}: {message}"


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping at the top of a YAML file."""
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"The configuration file {str(path)!r} cannot be read: {exc.strerror}.") from exc
    except yaml.YAMLError as exc:
        raise ConfigError(f"The configuration file {str(path)!r} is not YAML: {exc}") from exc
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"The configuration file {str(path)!r} must hold keys and values, such as `server:`.")
    return values
