"""Fields of a request that would act, were LiteLLM, its transport or a provider to obey them: every one that the installed LiteLLM knows."""

from __future__ import annotations

import inspect
from typing import Any

from proxy.upstream import library


def attacks(url: str) -> dict[str, Any]:
    """Parameters that make LiteLLM, its transport or a provider act, were they to reach it."""
    base = f"{url}/v1"
    return {
        "api_base": base,
        "base_url": base,
        "api_key": "sk-mine",
        "api_version": "2024",
        "extra_headers": {"Host": url, "x-stolen": "1"},
        "headers": {"x-stolen": "1"},
        "provider_specific_header": {"custom_llm_provider": "openai", "extra_headers": {"x-stolen": "1"}},
        "fallbacks": [{"model": "openai/x", "api_base": base}],
        "context_window_fallback_dict": {"gpt-double": "openai/x"},
        "model_list": [{"model_name": "m", "litellm_params": {"model": "openai/x", "api_base": base}}],
        "custom_llm_provider": "ollama",
        "deployment_id": "other",
        "organization": "org-mine",
        "mock_response": "mocked",
        "mock_tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        "mock_delay": 60,
        "mock_timeout": True,
        "timeout": 0.000001,
        "request_timeout": 0.000001,
        "stream_timeout": 0.000001,
        "num_retries": 5,
        "max_retries": 5,
        "caching": True,
        "cache": {"no-cache": False},
        "success_callback": ["webhook"],
        "logger_fn": "print",
        "azure": True,
        "azure_ad_token": "t",
        "aws_bedrock_runtime_endpoint": url,
        "vertex_credentials": "{}",
        "prompt_id": "p",
        "guardrails": ["x"],
        "litellm_credential_name": "c",
        "litellm_metadata": {"api_base": base},
        "allowed_openai_params": ["api_base"],
        "shared_session": "s",
        "client": "c",
        "proxy_server_request": {"url": base},
        "use_litellm_proxy": True,
        "ssl_verify": False,
        "drop_params": False,
        "input_cost_per_token": -1,
        "hf_model_name": "x/y",
        "thinking": {"type": "enabled", "budget_tokens": 9},
    }


def names() -> dict[str, set[str]]:
    """Every parameter of the installed LiteLLM, and where it is one."""
    litellm = library.load()
    from litellm.types import router, utils

    found: dict[str, set[str]] = {}
    functions = (
        "completion",
        "acompletion",
        "embedding",
        "aembedding",
        "text_completion",
        "responses",
        "batch_completion",
    )
    sources: dict[str, Any] = {name: inspect.signature(getattr(litellm, name)).parameters for name in functions}
    sources |= {
        "mock_completion": inspect.signature(litellm.main.mock_completion).parameters,
        "get_litellm_params": inspect.signature(litellm.utils.get_litellm_params).parameters,
        "get_optional_params": inspect.signature(litellm.utils.get_optional_params).parameters,
        "Router.acompletion": inspect.signature(litellm.Router.acompletion).parameters,
        "all_litellm_params": utils.all_litellm_params,
        "GenericLiteLLMParams": router.GenericLiteLLMParams.model_fields,
        "LiteLLM_Params": router.LiteLLM_Params.model_fields,
        "CredentialLiteLLMParams": router.CredentialLiteLLMParams.model_fields,
        "CustomPricingLiteLLMParams": utils.CustomPricingLiteLLMParams.model_fields,
        "StandardCallbackDynamicParams": utils.StandardCallbackDynamicParams.__annotations__,
    }
    for source, parameters in sources.items():
        for name in parameters:
            found.setdefault(str(name), set()).add(source)
    return found
