"""`config.example.yaml` and `Settings` say the same."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from proxy.config import Settings, load
from proxy.upstream.lanes import Lanes
from proxy.upstream.models import models_from_list

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"
ENVIRONMENT = {"OPENAI_API_KEY": "sk-openai", "ANTHROPIC_API_KEY": "sk-anthropic"}
SET_ON_PURPOSE = {"model_list", "routing.model"}
"""Keys whose value is an example; the comment above each says so."""


@pytest.fixture
def values() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    return found


def keys_of(section: BaseModel, before: str = "") -> Iterator[tuple[str, object]]:
    """Every key with its value; lists are values."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from keys_of(value, f"{before}{name}.")
        elif isinstance(value, tuple):
            yield before + name, tuple(signs(one) if is_dataclass(one) else one for one in value)
        else:
            yield before + name, value


def signs(rule: Any) -> dict[str, Any]:
    """A rule as it is written: what it does not use left out, lists as JSON has them."""
    given = {
        field.name: getattr(rule, field.name) for field in fields(rule) if getattr(rule, field.name) != field.default
    }
    return {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}


def written(values: dict[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from written(value, f"{before}{name}.")
        else:
            yield before + name, tuple(value) if isinstance(value, list) else value


def test_every_setting_stands_in_the_example_and_nothing_else_does(values) -> None:
    assert [key for key, _ in written(values)] == [key for key, _ in keys_of(Settings())]


def test_the_example_shows_the_defaults_unless_it_says_otherwise(values) -> None:
    defaults = dict(keys_of(Settings()))
    assert {key for key, value in written(values) if value != defaults[key]} == SET_ON_PURPOSE
    commented = EXAMPLE.read_text(encoding="utf-8").lower()
    assert commented.count("# example") == len(SET_ON_PURPOSE)


def test_every_key_of_the_example_is_explained() -> None:
    """A key is explained by the comment right above it, or stands in a list that is."""
    lines = EXAMPLE.read_text(encoding="utf-8").partition("\nmodel_list:")
    own = [*lines[0].splitlines(), *lines[2].partition("\nrouting:")[2].splitlines()]
    bare = [
        line
        for above, line in itertools.pairwise(own)
        if re.match(r"  [^ #-]", line) and not above.strip().startswith("#")
    ]
    assert bare == []


def test_the_example_loads_as_it_is_once_the_keys_are_set() -> None:
    settings = load(str(EXAMPLE), {})
    models = models_from_list([entry.model_dump() for entry in settings.model_list], ENVIRONMENT)
    targets = {models.get(name).target.partition("/")[0] for name in models.names()}
    assert targets == {"openai", "anthropic", "ollama_chat"}
    assert models.get("gpt").params["api_key"] == "sk-openai"
    scorer = Lanes(models).scorer(str(settings.routing.model))
    assert scorer.model == settings.routing.model


def test_no_secret_stands_in_the_example(values) -> None:
    keys = [entry["litellm_params"].get("api_key", "none-needed") for entry in values["model_list"]]
    assert all(key == "none-needed" or key.startswith("os.environ/") for key in keys)
