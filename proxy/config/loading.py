"""The whole configuration, read from a file and the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from proxy.config.answering import ContextSettings, ModelEntry, RoutingSettings, TitleSettings, UpstreamSettings
from proxy.config.clients import ClientSettings
from proxy.config.keeping import StorageSettings
from proxy.config.serving import LimitSettings, MetricSettings, ServerSettings, TraceSettings
from proxy.errors import ConfigError

LITELLM_SECTIONS = ("litellm_settings", "general_settings", "router_settings", "environment_variables")
"""Parts of a LiteLLM configuration that Graft does not use."""

PREFIX = "GRAFT__"
"""What the variables begin with."""

_MERGE = "tag:yaml.org,2002:merge"
"""What `<<` is to YAML: several in one mapping add up."""


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


class _Twice(yaml.YAMLError):
    """A mapping has a key twice; lines begin with 1."""

    def __init__(self, first: yaml.ScalarNode, second: yaml.ScalarNode) -> None:
        super().__init__()
        self.key = second.value
        self.first, self.second = first.start_mark.line + 1, second.start_mark.line + 1


class _Once(yaml.SafeLoader):
    """Reads what `yaml.safe_load` reads, but for a key that stands twice in a mapping, of which that would forget the first.

    Source: YAML 1.2, 3.2.1.3 (keys of a mapping are unique).
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: dict[tuple[str, str], yaml.ScalarNode] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            if (first := seen.setdefault((key.tag, key.value), key)) is not key:
                raise _Twice(first, key)
        return node


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping at the top of a YAML file."""
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Once)  # noqa: S506  # a SafeLoader
    except _Twice as exc:
        raise ConfigError(
            f"The configuration file {str(path)!r} says {exc.key!r} twice, in line {exc.first} and in line {exc.second}. "
            "The second would take the place of the first: make one of them."
        ) from exc
    except OSError as exc:
        raise ConfigError(f"The configuration file {str(path)!r} cannot be read: {exc.strerror}.") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"The configuration file {str(path)!r} is not UTF-8; save it as that: {exc}.") from exc
    except (yaml.YAMLError, ValueError) as exc:  # ValueError: a date such as 2024-13-45
        raise ConfigError(f"The configuration file {str(path)!r} is not YAML: {exc}") from exc
    except RecursionError as exc:
        raise ConfigError(f"The configuration file {str(path)!r} is nested too deeply.") from exc
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"The configuration file {str(path)!r} must hold keys and values, such as `server:`.")
    if (name := next((name for name in values if not isinstance(name, str)), None)) is not None:
        raise ConfigError(f"The configuration file {str(path)!r} has a key that is no text: {name!r}.")
    if _holds_itself(values, frozenset()):
        raise ConfigError(f"In the configuration file {str(path)!r} an alias stands within what it stands for.")
    return values


def _holds_itself(value: object, above: frozenset[int]) -> bool:
    """Whether a value stands inside itself, as YAML's aliases make possible."""
    if not isinstance(value, dict | list):
        return False
    if id(value) in above:
        return True
    inside = above | {id(value)}
    return any(_holds_itself(inner, inside) for inner in (value.values() if isinstance(value, dict) else value))
