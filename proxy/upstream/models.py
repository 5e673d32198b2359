"""The configured models: what each is called, and where and how it is asked.

The list has LiteLLM's own format (`model_name`, `litellm_params`, `model_info`), so an existing LiteLLM configuration can be
used; `os.environ/NAME` is read from the environment once, at start. What a model is, where it lives and with which key it is
asked comes from here alone, never from a request. `discovery.py` makes such a list where none is configured.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from proxy.errors import ConfigError, ModelNotFound

log = logging.getLogger(__name__)

Lane = Literal["mirror", "litellm", "native", "raw"]
LANES: tuple[Lane, ...] = ("mirror", "litellm", "native", "raw")

NATIVE_PROVIDERS = frozenset(
    {
        "azure",
        "deepseek",
        "fireworks_ai",
        "groq",
        "hosted_vllm",
        "lm_studio",
        "mistral",
        "openai",
        "openrouter",
        "together_ai",
        "xai",
    }
)
"""Providers, as LiteLLM calls them, that speak OpenAI's wire format: what they send can be passed on as it is."""

MIRROR = "mirror"
"""The built-in offline model."""

FROM_ENVIRONMENT = "os.environ/"

_SECRET_NAME = re.compile(r"key|token|secret|password|credential|authorization|cookie", re.IGNORECASE)
_SECRET_VARIABLE = re.compile(r"_(API_KEY|KEY|TOKEN|SECRET|PASSWORD)$")
_SHORTEST_SECRET = 6


@dataclass(frozen=True, slots=True)
class Model:
    """One configured model. Its parameters hold keys, so they stay out of its `repr`."""

    name: str
    """What clients ask for."""
    params: Mapping[str, Any] = field(repr=False)
    """LiteLLM's parameters, `os.environ/` resolved: `model`, `api_key`, `api_base`, defaults for a request."""
    info: Mapping[str, Any] = field(default_factory=dict)
    lane: Lane = "litellm"
    """How it is asked; `lane_of` knows the usual way."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """Texts that must never leave in an error message."""
    number: int = 1
    """Which of the deployments of this name it is, in the order of the configuration."""

    @property
    def id(self) -> str:
        """Its own name among all deployments."""
        return self.name if self.number == 1 else f"{self.name}#{self.number}"

    @property
    def target(self) -> str:
        """The model in LiteLLM's notation, such as `openai/gpt-5.5`."""
        return str(self.params["model"])


class Models:
    """The configured models by name, in the order of the configuration; a name may have several deployments."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models: dict[str, list[Model]] = {}
        for model in models:
            deployments = self._models.setdefault(model.name, [])
            deployments.append(replace(model, number=len(deployments) + 1))

    def names(self) -> list[str]:
        return list(self._models)

    def all(self) -> list[Model]:
        """Every deployment."""
        return [model for deployments in self._models.values() for model in deployments]

    def get(self, name: str) -> Model:
        """The first deployment of a name. Raises ModelNotFound."""
        return self.deployments(name)[0]

    def deployments(self, name: str) -> Sequence[Model]:
        """Raises ModelNotFound."""
        try:
            return self._models[name]
        except KeyError:
            raise ModelNotFound(name) from None

    def __contains__(self, name: str) -> bool:
        return name in self._models

    @property
    def needs_litellm(self) -> bool:
        """The native lane asks LiteLLM once how a provider is addressed."""
        return any(model.lane in ("litellm", "native") for model in self.all())


def models_from_list(entries: Iterable[Mapping[str, Any]], env: Mapping[str, str]) -> Models:
    """The models of a `model_list`.

    Raises:
        ConfigError: An entry lacks its model, names an unset variable or an unknown lane, or none can be used.
    """
    made = [model for entry in entries if (model := _model(entry, env)) is not None]
    if not made:
        raise ConfigError(
            "`model_list` names no model that can be used. Add an entry with model_name and litellm_params."
        )
    return Models(made)


def provider_of(params: Mapping[str, Any]) -> str | None:
    """The provider that a model's parameters name; `None` where only LiteLLM knows whose model it is."""
    prefix, slash, _ = str(params["model"]).partition("/")
    return str(params.get("custom_llm_provider") or "") or (prefix if slash else None)


def lane_of(params: Mapping[str, Any]) -> Lane:
    """The lane of a model that names none. A name without a provider goes the native way if LiteLLM finds it to be such a model."""
    if params["model"] == MIRROR:
        return "mirror"
    provider = provider_of(params)
    return "native" if provider is None or provider in NATIVE_PROVIDERS else "litellm"


def mirror_model() -> Model:
    return Model(MIRROR, {"model": MIRROR}, {"max_input_tokens": 128_000}, lane="mirror")


def secrets_in(env: Mapping[str, str]) -> frozenset[str]:
    """Values of variables that are named like keys: LiteLLM finds its own way to them."""
    return frozenset(
        value for name, value in env.items() if _SECRET_VARIABLE.search(name) and len(value) >= _SHORTEST_SECRET
    )


def _model(entry: Mapping[str, Any], env: Mapping[str, str]) -> Model | None:
    name = str(entry.get("model_name") or "")
    params = entry.get("litellm_params")
    if not name or not isinstance(params, Mapping) or not params.get("model"):
        raise ConfigError(
            f"An entry of `model_list` lacks model_name or litellm_params.model: {name or dict(entry)!r}."
        )
    if "*" in name or "*" in str(params["model"]):
        log.warning("Model %r is left out: a client must not choose what is called, so wildcards are not used.", name)
        return None
    if name.endswith((":follow", ":off")):
        raise ConfigError(
            f"model_name {name!r} must not end in ':follow' or ':off': these choose how a turn is placed."
        )
    resolved = cast("Mapping[str, Any]", _resolved(params, name, env))
    _demand_address(name, resolved)
    info = dict(entry.get("model_info") or {})
    return Model(name, resolved, info, _lane(name, resolved, info), secrets_in(env) | frozenset(_secrets(resolved)))


def _demand_address(name: str, params: Mapping[str, Any]) -> None:
    """Raises ConfigError for an address that is none; it is not repeated, for it may hold a key."""
    for setting in ("api_base", "base_url"):
        base = params.get(setting)
        if base and not str(base).lower().startswith(("http://", "https://")):
            raise ConfigError(f"litellm_params.{setting} of model {name!r} needs http:// or https:// before its host.")


def _lane(name: str, params: Mapping[str, Any], info: Mapping[str, Any]) -> Lane:
    lane = info.get("lane") or lane_of(params)
    if lane not in LANES:
        raise ConfigError(f"model_info.lane of model {name!r} is {lane!r}; it can be one of {', '.join(LANES)}.")
    if lane == "raw" and not params.get("api_base"):
        raise ConfigError(f"Model {name!r} takes the raw lane, which needs litellm_params.api_base.")
    return cast("Lane", lane)


def _resolved(value: Any, name: str, env: Mapping[str, str]) -> Any:
    match value:
        case str() if value.startswith(FROM_ENVIRONMENT):
            variable = value.removeprefix(FROM_ENVIRONMENT)
            if not env.get(variable):
                raise ConfigError(f"Model {name!r} reads the environment variable {variable}, which is not set.")
            return env[variable]
        case Mapping():
            return {key: _resolved(inner, name, env) for key, inner in value.items()}
        case list() | tuple():
            return [_resolved(inner, name, env) for inner in value]
        case _:
            return value


def _secrets(params: Mapping[str, Any], *, hidden: bool = False) -> Iterable[str]:
    """Strings below a key that is named like a secret, and every header a model is asked with."""
    for key, value in params.items():
        secret = hidden or bool(_SECRET_NAME.search(str(key))) or "headers" in str(key)
        if isinstance(value, Mapping):
            yield from _secrets(value, hidden=secret)
        elif secret and isinstance(value, str) and len(value) >= _SHORTEST_SECRET:
            yield value
            yield from (part for part in value.split() if len(part) >= 2 * _SHORTEST_SECRET)  # "Bearer KEY"
