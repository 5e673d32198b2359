"""Where and how a model of the native lane is asked, as LiteLLM knows it.

Most of a request does not change from one to the next, so it is worked out once: an `Endpoint` for each model (address, headers, the
provider's configuration class) and a `Plan` for each set of options (every field of the body but the messages, as bytes). What
remains for a request is to let the provider's configuration look at its messages.

The steps are those of `litellm.completion`, in its order, for the providers in `models.NATIVE_PROVIDERS`; a test compares what is
sent with what `litellm.acompletion` sends. Where LiteLLM would also have to change the *answer* (a stream that it fakes, JSON by way
of a tool call, the Responses API behind a chat request) or a model is configured with what only LiteLLM can do, there is no plan
and the LiteLLM lane takes over.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from proxy.upstream import fields, messages
from proxy.upstream.acting import acts
from proxy.upstream.models import NATIVE_PROVIDERS, Model
from proxy.upstream.session import Timeouts
from proxy.upstream.spelling import encoded

BODY_PROVIDERS = frozenset({"openai", "hosted_vllm"})
"""Providers that take a documented field which LiteLLM does not know, or drops, as part of the body."""

_READ = frozenset(
    {
        "additional_drop_params",
        "allowed_openai_params",
        "api_base",
        "api_key",
        "api_version",
        "base_model",
        "base_url",
        "custom_llm_provider",
        "drop_params",
        "extra_body",
        "extra_headers",
        "headers",
        "model",
        "organization",
        "stream_timeout",
        "thinking",
        "timeout",
    }
)
"""Parameters of a configured model that are used here."""

_IDLE = frozenset({"id", "itpm", "max_retries", "num_retries", "order", "otpm", "rpm", "tags", "tpm", "weight"})
"""Parameters that change nothing about one request: LiteLLM's router reads them, and nothing is retried here."""

_MAPPED = ("additional_drop_params", "allowed_openai_params", "api_version", "base_model", "extra_body", "thinking")
"""Parameters that LiteLLM's mapping of options reads."""

_MENDED = frozenset({"fake_stream", "functions_unsupported_model", "json_mode"})
"""LiteLLM's own notes beside mapped options: it means to change the answer, too."""

_OF_MESSAGES = frozenset({"_add_reasoning_prompt", "reasoning_effort", "thinking"})
"""Options that change how messages are written."""

_VARIABLES: Mapping[str, tuple[tuple[str, ...], str | None, tuple[str, ...]]] = {
    "azure": (("AZURE_API_BASE",), None, ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY")),
    "groq": (("GROQ_API_BASE",), None, ("GROQ_API_KEY",)),
    "hosted_vllm": (("HOSTED_VLLM_API_BASE",), None, ()),
    "mistral": (("MISTRAL_API_BASE",), "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",)),
    "openai": (("OPENAI_BASE_URL", "OPENAI_API_BASE"), "https://api.openai.com/v1", ("OPENAI_API_KEY",)),
    "openrouter": (("OPENROUTER_API_BASE",), "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY", "OR_API_KEY")),
}
"""Variables that hold a base, the base without them, and variables that hold a key, where LiteLLM reads them while it sends."""

_AZURE_V1 = frozenset({"v1", "latest", "preview"})


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model's provider, ready to be asked."""

    provider: str
    name: str
    """The model as the provider calls it."""
    url: Any
    """A `yarl.URL`."""
    headers: Mapping[str, str] = field(repr=False)
    config: Any
    """LiteLLM's configuration object of the provider."""
    params: Mapping[str, Any] = field(repr=False)
    """What that object is told about the call."""
    supported: frozenset[str]
    """Documented fields that LiteLLM passes on to the provider."""
    mapping: Mapping[str, Any] = field(repr=False)
    """Arguments that LiteLLM's mapping of options gets with every request; the configuration's defaults among them."""
    timeouts: Timeouts
    keeps_texts: bool
    """Whether messages of nothing but role and text are sent as they are."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A request's body without its messages."""

    head: bytes
    tail: bytes
    of_messages: Mapping[str, Any]
    """Options that the writing of messages depends on."""
    dropped: tuple[str, ...]
    """Fields that are not sent, to be named to the client."""


def resolve(litellm: Any, model: Model, timeouts: Timeouts) -> Endpoint | None:
    """The endpoint of a configured model, or `None` where only LiteLLM itself can ask it. Raises what LiteLLM raises."""
    given = model.params
    if any(acts(name) and name not in _READ | _IDLE and "cost" not in name for name in given):
        return None
    base = given.get("base_url") or given.get("api_base")
    name, provider, key, base = litellm.get_llm_provider(
        model.target, custom_llm_provider=given.get("custom_llm_provider"), api_base=base, api_key=given.get("api_key")
    )
    asked_for = model.info.get("lane") == "native" and provider in litellm.openai_compatible_providers
    if provider not in NATIVE_PROVIDERS and not asked_for:
        return None
    bases, default, keys = _VARIABLES.get(provider, ((), None, ()))
    base = base or _variable(bases) or default
    key = key or given.get("api_key") or _variable(keys)
    config = litellm.ProviderConfigManager.get_provider_chat_config(
        model=name, provider=litellm.LlmProviders(provider), base_model=given.get("base_model")
    )
    params = litellm.get_litellm_params(
        api_key=key,
        api_base=base,
        api_version=given.get("api_version"),
        custom_llm_provider=provider,
        base_model=given.get("base_model"),
    )
    extra = {**(given.get("headers") or {}), **(given.get("extra_headers") or {})}
    address = _azure(litellm, name, base, key, given, extra) if provider == "azure" else None
    if provider == "azure" and address is None:
        return None
    url, headers = address or _openai(config, name, base, key, params, extra, given)
    supported = litellm.get_supported_openai_params(
        name, custom_llm_provider=provider, base_model=given.get("base_model")
    )
    return Endpoint(
        provider=provider,
        name=name,
        url=_url(url),
        headers=headers,
        config=config,
        params=params,
        supported=(frozenset(supported or ()) & (fields.CHAT_FIELDS | {"thinking"})) - {"metadata"},
        mapping=_mapping(given),
        timeouts=_timeouts(given, timeouts),
        keeps_texts=messages.keeps_texts(litellm, config, name, params),
    )


def plan(litellm: Any, endpoint: Endpoint, options: Mapping[str, object], *, stream: bool) -> Plan | None:
    """Everything of a body but its messages, or `None` where LiteLLM would have to change the answer.

    Raises InvalidRequest for tools that would act on the server, and what LiteLLM raises for options that a provider refuses.
    """
    documented, _ = fields.split(options)
    foreign, dropped = fields.foreign(options)
    if (
        "thinking" in endpoint.supported and "thinking" in options
    ):  # LiteLLM's name for what is the provider's own field
        documented["thinking"] = options["thinking"]
        dropped.remove("thinking")
    stream_options = documented.pop("stream_options", None)
    known = {name: value for name, value in documented.items() if name in endpoint.supported}
    unknown = {name: value for name, value in documented.items() if name not in endpoint.supported}
    if endpoint.provider not in BODY_PROVIDERS:
        dropped, unknown = sorted({*dropped, *unknown}), {}
    arguments: dict[str, Any] = copy.deepcopy({"drop_params": True, "stream": None, **endpoint.mapping, **known})
    if stream:
        told = stream_options if isinstance(stream_options, Mapping) else {}
        arguments |= {"stream": True, "stream_options": {**told, "include_usage": True}}
    if _bridged(litellm, endpoint, arguments):
        return None
    mapped = litellm.utils.get_optional_params(model=endpoint.name, custom_llm_provider=endpoint.provider, **arguments)
    if _mends_answers(endpoint, mapped, stream=stream):
        return None
    if endpoint.provider == "fireworks_ai":
        mapped = endpoint.config.map_extra_body_params(optional_params=mapped, model=endpoint.name)
    of_messages = {name: mapped[name] for name in _OF_MESSAGES if name in mapped}
    extra = mapped.pop("extra_body", None)
    body = endpoint.config.transform_request(
        model=endpoint.name, messages=[], optional_params=mapped, litellm_params=endpoint.params, headers={}
    )
    if extra:
        extra = endpoint.config.transform_extra_body(
            extra_body=extra, request=body, model=endpoint.name, litellm_params=endpoint.params
        )
    head = {"model": body.pop("model")}
    del body["messages"]
    tail = {**body, **(extra or {}), **unknown, **foreign} | ({"stream": True} if stream else {})
    for name in ("extra_headers", "max_retries"):
        tail.pop(name, None)
    return Plan(
        head=encoded(head)[:-1] + b',"messages":',
        tail=b"," + encoded(tail)[1:] if tail else b"}",
        of_messages=of_messages,
        dropped=tuple(dropped),
    )


def _openai(
    config: Any,
    name: str,
    base: str | None,
    key: str | None,
    params: Mapping[str, Any],
    extra: Mapping[str, str],
    given: Mapping[str, Any],
) -> tuple[str, dict[str, str]]:
    """Address and headers by the provider's configuration object."""
    told: dict[str, Any] = {
        "api_key": key,
        "api_base": base,
        "model": name,
        "optional_params": {},
        "litellm_params": params,
    }
    url = config.get_complete_url(**told)
    headers = {
        str(header): str(value)
        for header, value in config.validate_environment(headers={}, messages=[], **told).items()
    }
    if given.get("organization"):
        headers["OpenAI-Organization"] = str(given["organization"])
    return url, {**headers, **extra}


def _azure(
    litellm: Any, name: str, base: str | None, key: str | None, given: Mapping[str, Any], extra: Mapping[str, str]
) -> tuple[str, dict[str, str]] | None:
    """Azure's address and headers; `None` without a key of its own, for tokens are LiteLLM's business.

    Source: OpenAI's Python library, `lib/azure.py`; Azure OpenAI reference, "API specs".
    """
    if not base or not key or "gateway.ai.cloudflare.com" in base:
        return None
    version = given.get("api_version") or _variable(("AZURE_API_VERSION",)) or litellm.AZURE_DEFAULT_API_VERSION
    base = base.rstrip("/")
    headers = {"Content-Type": "application/json", **extra}
    if version in _AZURE_V1:
        return f"{base}/openai/v1/chat/completions", {"Authorization": f"Bearer {key}", **headers}
    if "/openai/deployments" not in base:
        base = f"{base}/openai/deployments/{name}"
    return f"{base}/chat/completions?api-version={version}", {"api-key": key, **headers}


def _mapping(given: Mapping[str, Any]) -> dict[str, Any]:
    """The configured defaults of a request, and what LiteLLM's mapping of options is told besides."""
    defaults = {name: value for name, value in given.items() if not acts(name) and name not in _READ}
    told = {name: given[name] for name in (*_MAPPED, "drop_params") if given.get(name) is not None}
    return {**defaults, **told}


def _timeouts(given: Mapping[str, Any], timeouts: Timeouts) -> Timeouts:
    """The waiting times, as far as the model has its own."""
    told = {name: given[name] for name in ("timeout", "stream_timeout") if isinstance(given.get(name), int | float)}
    whole_s = told.get("timeout", timeouts.whole_s)
    first_s = told.get("stream_timeout", told.get("timeout", timeouts.first_token_s))
    return replace(timeouts, whole_s=float(whole_s), first_token_s=float(first_s))


def _bridged(litellm: Any, endpoint: Endpoint, arguments: Mapping[str, Any]) -> bool:
    """Whether LiteLLM answers this chat request through the Responses API: some models take tools only there."""
    info, _ = litellm.main.responses_api_bridge_check(
        model=endpoint.name,
        custom_llm_provider=endpoint.provider,
        web_search_options=arguments.get("web_search_options"),
        tools=arguments.get("tools"),
        reasoning_effort=arguments.get("reasoning_effort"),
        api_base=endpoint.params.get("api_base"),
    )
    return bool(info.get("mode") == "responses")


def _mends_answers(endpoint: Endpoint, mapped: Mapping[str, Any], *, stream: bool) -> bool:
    if any(mapped.get(name) for name in _MENDED):
        return True
    if endpoint.provider == "mistral" and ("magistral" in endpoint.name or "reasoning_effort" in mapped):
        return True  # thinking comes as parts of `content`, where OpenAI's clients expect text
    return bool(
        endpoint.config.should_fake_stream(model=endpoint.name, custom_llm_provider=endpoint.provider, stream=stream)
    )


def _variable(names: Sequence[str]) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)


def _url(url: str) -> Any:
    import yarl  # noqa: PLC0415  # comes with aiohttp, as late as aiohttp

    return yarl.URL(url)
