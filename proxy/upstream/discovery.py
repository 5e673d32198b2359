"""Models without a configuration: what the provider keys in the environment allow, else a local Ollama, else `mirror`.

The names are those under which LiteLLM knows current general-purpose models; each is asked with the key of its provider.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from urllib.error import URLError
from urllib.request import urlopen

from proxy.upstream.models import Model, Models, lane_of, mirror_model, secrets_in

log = logging.getLogger(__name__)

PROVIDERS: Mapping[str, tuple[str, ...]] = {
    "OPENAI_API_KEY": ("openai/gpt-5.5", "openai/gpt-5.4-mini", "openai/gpt-5.4-nano", "openai/gpt-4.1"),
    "ANTHROPIC_API_KEY": ("anthropic/claude-opus-5", "anthropic/claude-sonnet-5", "anthropic/claude-haiku-4-5"),
    "GEMINI_API_KEY": ("gemini/gemini-pro-latest", "gemini/gemini-flash-latest", "gemini/gemini-flash-lite-latest"),
    "OPENROUTER_API_KEY": ("openrouter/openrouter/auto",),
    "GROQ_API_KEY": ("groq/openai/gpt-oss-120b", "groq/openai/gpt-oss-20b"),
    "MISTRAL_API_KEY": ("mistral/mistral-large-latest", "mistral/mistral-small-latest"),
    "DEEPSEEK_API_KEY": ("deepseek/deepseek-chat", "deepseek/deepseek-reasoner"),
    "XAI_API_KEY": ("xai/grok-4.3-latest",),
}
"""The variable that holds a provider's key, and the models offered when it is set."""

OLLAMA_HOST = "http://127.0.0.1:11434"
OLLAMA_TIMEOUT_S = 0.5


def models_from_environment(env: Mapping[str, str]) -> Models:
    """The models that can be used as things are; never empty."""
    found = [
        Model(
            short_name(target),
            {"model": target, "api_key": env[variable]},
            lane=lane_of({"model": target}),
            secrets=secrets_in(env),
        )
        for variable, targets in PROVIDERS.items()
        if env.get(variable)
        for target in targets
    ]
    return Models(found or ollama_models(env) or [mirror_model()])


def short_name(target: str) -> str:
    """`openai/gpt-4.1` is asked for as `gpt-4.1`; longer paths keep all but the provider."""
    return target.partition("/")[2]


def ollama_models(env: Mapping[str, str]) -> list[Model]:
    """The models that a local Ollama has pulled; none when it does not answer at once.

    Source: Ollama API, `GET /api/tags`; the host may come without scheme or port, as Ollama's own client allows.
    """
    base = ollama_base(env.get("OLLAMA_HOST", ""))
    try:
        with urlopen(f"{base}/api/tags", timeout=OLLAMA_TIMEOUT_S) as response:  # noqa: S310  # the operator's own host
            tags = json.load(response)["models"]
        names = [str(tag["name"]) for tag in tags]
    except (URLError, OSError, ValueError, KeyError, TypeError):
        return []
    log.info("Found Ollama at %s with %d models.", base, len(names))
    return [Model(name.removesuffix(":latest"), {"model": f"ollama_chat/{name}", "api_base": base}) for name in names]


def ollama_base(host: str) -> str:
    host = host.strip().rstrip("/")
    if not host:
        return OLLAMA_HOST
    scheme, _, rest = host.rpartition("://")
    name, _, port = rest.partition(":")
    name = "127.0.0.1" if name in ("", "0.0.0.0") else name  # noqa: S104  # what it binds is not where it is asked
    return f"{scheme or 'http'}://{name}:{port or (443 if scheme == 'https' else 11434)}"
