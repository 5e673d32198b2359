"""Whether each model's server can be reached, knows its key, and has the model; nothing of it costs money unless that is asked for."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from typing import Any

import httpx

from proxy.cli.doctor.finding import Finding, fail, ok, warn
from proxy.domain.turn import Asked
from proxy.errors import ProxyError
from proxy.upstream import library, raw_lane
from proxy.upstream.forwarding import CHAT
from proxy.upstream.lanes import Lanes
from proxy.upstream.litellm_lane import LiteLLMLane
from proxy.upstream.models import MIRROR, Model, Models
from proxy.upstream.native_lane import NativeLane
from proxy.upstream.session import Session, Timeouts

WAIT_S = 8.0
SKEW_S = 120.0
_ANTHROPIC = "https://api.anthropic.com"


class Listed:
    """What servers say of themselves, each asked once."""

    def __init__(self, *, trust_env: bool) -> None:
        self._client = httpx.Client(timeout=WAIT_S, trust_env=trust_env, follow_redirects=False)
        self._answers: dict[tuple[str, str], httpx.Response | str] = {}
        self.skew_s: float | None = None
        """How far this machine's clock is ahead of a server's."""

    def close(self) -> None:
        self._client.close()

    def get(self, url: str, headers: dict[str, str]) -> httpx.Response | str:
        """An answer, or why there is none."""
        asked = (url, repr(sorted(headers.items())))
        if asked not in self._answers:
            try:
                self._answers[asked] = self._client.get(url, headers=headers)
                self._look_at_clock(self._answers[asked])
            except httpx.HTTPError as exc:
                self._answers[asked] = f"{type(exc).__name__}: {exc}"
            except (httpx.InvalidURL, ValueError) as exc:
                self._answers[asked] = f"no address: {exc}"
        return self._answers[asked]

    def _look_at_clock(self, answer: Any) -> None:
        try:
            there = email.utils.parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return
        skew_s = time.time() - there.timestamp()
        if self.skew_s is None or abs(skew_s) < abs(self.skew_s):
            self.skew_s = skew_s


def checked(models: Models, *, trust_env: bool, asks: bool, lanes: Lanes) -> Iterator[Finding]:
    """One finding a deployment, and one on the clock; with `asks` every deployment answers a request of one token."""
    listed = Listed(trust_env=trust_env)
    native = _native(models)
    for model in models.all():
        if model.lane != MIRROR:
            yield _reached(model, listed, native)
    listed.close()
    if listed.skew_s is not None and abs(listed.skew_s) > SKEW_S:
        told = f"This machine's clock is {listed.skew_s:.0f} s ahead of a provider's."
        yield warn("clock", told, "Set the clock (NTP): signed names expire by it, and days of limits turn by it.")
    elif listed.skew_s is not None:
        yield ok("clock", "It agrees with a provider's.")
    if asks:
        yield from asyncio.run(_asked(models.all(), lanes))


def _native(models: Models) -> NativeLane | None:
    """LiteLLM knows where providers are; its import takes seconds, so it is left out where every address is configured."""
    if all(model.lane != "native" or model.params.get("api_base") for model in models.all()):
        return None
    library.load()
    timeouts = Timeouts()
    return NativeLane(Session(timeouts), timeouts, LiteLLMLane(timeouts))


def _address(model: Model, native: NativeLane | None) -> tuple[str, dict[str, str]] | None:
    """Where a server lists its models, and with which headers; `None` where that is not known."""
    base, key = str(model.params.get("api_base") or "").rstrip("/"), str(model.params.get("api_key") or "")
    provider = model.target.partition("/")[0]
    if provider in ("ollama", "ollama_chat"):
        return f"{base or 'http://127.0.0.1:11434'}/api/tags", {}
    if provider == "anthropic":
        return f"{base or _ANTHROPIC}/v1/models", {"x-api-key": key, "anthropic-version": "2023-06-01"}
    if model.lane == "raw" or (model.lane == "native" and base and provider != "azure"):
        return raw_lane.url(model).removesuffix(CHAT) + "/models", dict(raw_lane.headers(model))
    if model.lane == "native" and native is not None and provider != "azure":
        at = native.endpoint(library.load(), model)
        if at is not None and str(at.url).endswith(CHAT):
            return str(at.url).removesuffix(CHAT) + "/models", dict(at.headers)
    return None


def _reached(model: Model, listed: Listed, native: NativeLane | None) -> Finding:
    check = f"model {model.id}"
    try:
        at = _address(model, native)
    except ProxyError as exc:
        return fail(check, exc.message, "Correct its entry in `model_list`.")
    if at is None:
        return warn(
            check, f"{model.target} tells nothing without a request.", "`graft doctor --ask` asks it for a token."
        )
    answer = listed.get(*at)
    if isinstance(answer, str):
        return fail(check, f"{at[0]} cannot be reached: {answer}.", "Check api_base, the network and its proxies.")
    if answer.status_code in (401, 403):
        return fail(check, f"{at[0]} does not take the key ({answer.status_code}).", "Check its api_key.")
    if answer.status_code != 200:
        told = f"{at[0]} is there, and does not list its models ({answer.status_code})."
        return warn(check, told, "`graft doctor --ask` asks it for a token.")
    names = _names(answer)
    name = model.target.partition("/")[2] or model.target
    if not names or any(one in (name, f"models/{name}", f"{name}:latest") for one in names):
        return ok(check, f"{at[0]} answers" + (f" and has {name}." if names else "."))
    near = ", ".join(sorted(names)[:5])
    return warn(check, f"{at[0]} has no {name}; it has {near}, ...", "Check `model` in its entry.")


def _names(answer: httpx.Response) -> set[str]:
    """OpenAI's list, Anthropic's, or Ollama's."""
    try:
        body = answer.json()
        entries = body.get("data") or body.get("models") or []
        return {str(one.get("id") or one.get("name")) for one in entries}
    except (ValueError, AttributeError, TypeError):
        return set()


async def _asked(models: Sequence[Model], lanes: Lanes) -> list[Finding]:
    found = []
    try:
        for model in models:
            check = f"answer of {model.id}"
            asked = Asked(model.name, [{"role": "user", "content": "Hi"}], {"max_tokens": 1}, stream=False)
            try:
                async with aclosing(lanes.of(model, asked)) as chunks:
                    await anext(chunks, None)
                found.append(ok(check, "It answered a request of one token."))
            except ProxyError as exc:
                found.append(fail(check, exc.message, "Check its entry in `model_list`, and the provider's account."))
    finally:
        await lanes.close()
    return found
