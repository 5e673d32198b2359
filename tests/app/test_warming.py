"""What is loaded behind an open port, in which order, and what becomes of it where it fails."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from proxy.app.warming import Warm
from proxy.config import Settings
from proxy.errors import StoreUnavailable

pytestmark = pytest.mark.anyio


class Loads:
    """Stands for all parts: each step is noted, and waits until it may go on."""

    def __init__(self, **errors: Exception) -> None:
        self.steps: list[str] = []
        self.settled = asyncio.Event()
        self.gates = {name: asyncio.Event() for name in ("libraries", "scorer", "embedder")}
        self._errors = errors
        self.lanes = SimpleNamespace(
            warm=lambda: self._step("libraries"), models=SimpleNamespace(names=lambda: ["gpt-test"])
        )
        self.router = SimpleNamespace(start=lambda: self._step("scorer"), load=lambda: self._step("embedder"))
        self.store = SimpleNamespace(ping=lambda: asyncio.sleep(0))

    async def _step(self, name: str) -> None:
        await self.gates[name].wait()
        if name in self._errors:
            raise self._errors[name]
        self.steps.append(name)

    def open(self, *names: str) -> None:
        for name in names or self.gates:
            self.gates[name].set()


def warmed(loads: Any, policy: str = "auto") -> Warm:
    settings = Settings(routing={"policy": policy})
    warm = Warm(loads, settings, loads.settled.set)
    warm.start()
    return warm


async def until_ready(warm: Warm) -> None:
    while True:
        try:
            return await warm.ready()
        except StoreUnavailable:
            await asyncio.sleep(0)


async def test_models_can_be_used_before_the_embedder_is_loaded() -> None:
    loads = Loads()
    warm = warmed(loads)
    with pytest.raises(StoreUnavailable):
        await warm.ready()
    loads.open("libraries", "scorer")
    await until_ready(warm)
    assert loads.steps == ["libraries", "scorer"]
    assert not loads.settled.is_set()
    loads.open()
    await loads.settled.wait()
    assert loads.steps == ["libraries", "scorer", "embedder"]


@pytest.mark.parametrize("policy", ["follow", "off"])
async def test_no_embedder_is_loaded_where_no_turn_is_placed_by_default(policy: str) -> None:
    loads = Loads()
    warm = warmed(loads, policy)
    loads.open()
    await loads.settled.wait()
    await warm.ready()
    assert loads.steps == ["libraries", "scorer"]


async def test_an_embedder_that_cannot_be_loaded_is_told_and_keeps_nobody_waiting(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loads = Loads(embedder=FileNotFoundError("model.onnx"))
    warm = warmed(loads)
    loads.open()
    with caplog.at_level(logging.WARNING):
        await loads.settled.wait()
    await warm.ready()
    assert "The embedder 'minilm' cannot be loaded: model.onnx" in caplog.text


async def test_what_keeps_the_models_from_being_loaded_is_told_to_whoever_asks() -> None:
    loads = Loads(libraries=ImportError("litellm"))
    warm = warmed(loads)
    loads.open()
    await loads.settled.wait()
    await asyncio.sleep(0)
    with pytest.raises(ImportError, match="litellm"):
        await warm.ready()


async def test_a_server_that_stops_while_it_loads_settles_too() -> None:
    loads = Loads()
    warm = warmed(loads)
    await asyncio.sleep(0)
    await warm.stop()
    assert loads.settled.is_set()
    assert loads.steps == []
