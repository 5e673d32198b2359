"""Where turns are placed, what is sent with them, and who answers."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from proxy.config.section import Section
from proxy.domain.placement import Fresh, Policy
from proxy.routing.limits import Mode


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
    mode: Mode = "listwise"
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
    gate: float = Field(default=0.89, ge=0, le=1)
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
    abandoned_s: float | None = Field(default=5.0, ge=0)
    """How long an answer is still waited for whose client has left, before its first byte; a retry may join it. Unset: to its end."""
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
