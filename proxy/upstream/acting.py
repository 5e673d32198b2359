"""Names of fields that would act, were a library or a server to read them as its own parameters.

On the native and raw lanes a field that OpenAI does not document is the provider's (`top_k`, `min_p`, `chat_template_kwargs`,
OpenRouter's `provider`) and goes into the body as data: nothing in Graft reads it. What stands here does not go even there, and is
named to the client instead: LiteLLM's own parameters, for the upstream may be a LiteLLM proxy and would obey them, and fields
with which a request would choose the model, for that is the configuration's business.

Families are told by their prefix, since LiteLLM adds to them with every release. A test compares this list with the signatures and
parameter lists of the installed LiteLLM.
"""

from __future__ import annotations

import re
from functools import lru_cache

_FAMILIES = re.compile(
    r"_|litellm_|mock_|max_(budget|fallbacks|retries|agentic|parallel|file)|caching|prompt_(id|label|version|variables|environment)"
    r"|aws_|azure_|vertex_|watsonx_|anthropic_|bedrock_|openai_|gigachat_|hf_|s3_|gcs_|milvus_|valkey_"
    r"|dd_|arize_|langfuse_|langsmith_|posthog_|signoz_|newrelic_|humanloop_|wandb_|weave_"
    r"|(auto|adaptive|complexity|quality)_router_|.*_cost(_|$)|.*_cost_per_|.*api_key"
)

_LITELLM = frozenset(
    """
    acompletion additional_drop_params aembedding aimg_generation allm_passthrough_route allow_client_keepalive_override
    allowed_model_region allowed_openai_params api_base api_version assistant_continue_message async_call atext_completion
    attempted_targets azure base_model base_url bos_token bucket_name budget_duration cache cache_key client client_id
    client_secret client_side_timeout complete_response completion_call_id configurable_clientside_auth_params
    context_window_fallback_dict cooldown_time cost_per_query cost_per_second custom_llm_provider custom_prompt_dict
    data_residency deployment_id disable_add_transform_inline_image_block drop_params enable_json_schema_validation
    enable_prompt_caching enable_tag_filtering ensure_alternating_roles eos_token extra_headers fallback_depth fallbacks
    fastest_response final_prompt_value fireworks_forward_user_id force_timeout guardrails headers hugging_face id
    include_server_side_tool_invocations initial_prompt_value itpm keepalive_seconds kwargs log_client_error_tracebacks logger_fn
    merge_reasoning_content_in_choices model_alias_map model_config model_file_id_mapping model_info model_list no-log no_log
    num_retries order organization original_function otpm output_vector_size preset_cache_key provider_affinity_header
    provider_specific_header proxy_server_request region_name regional_endpoint_uplift_multiplier
    regional_processing_uplift_multiplier_eu regional_processing_uplift_multiplier_us replicate request_timeout retry_policy
    retry_strategy roles routing_strategy rpm rust search_tool_name secret_fields self shared_session silent_model ssl_verify
    stream_chunk_size stream_response stream_timeout stream_timeout_by_service_tier supports_system_message tag_regex tags
    tenant_id text_completion thinking tiered_pricing timeout timeout_by_service_tier together_ai tpm ttl
    api_type apikey applied_guardrails batch_models cache_hit logging model_id predibase_tenant_id prompt_integration token url
    wx_credentials
    turn_off_message_logging use_chat_completions_api use_client use_in_pass_through use_litellm_proxy use_xai_oauth
    user_continue_message vector_store_id verbose weight
    """.split()  # noqa: SIM905  # a hundred quotes and commas hide the words
)

_TRANSPORT = frozenset(
    {
        "callbacks",
        "extra_body",
        "extra_query",
        "failure_callback",
        "input_callback",
        "service_callback",
        "success_callback",
    }
)
"""What clients' libraries and LiteLLM's logging read."""

_MODEL_CHOICE = frozenset({"deployment", "engine", "fallback_models", "model_group", "models", "preset", "route"})
"""How OpenRouter, LiteLLM and others let a request name further models."""

_NAMES = _LITELLM | _TRANSPORT | _MODEL_CHOICE


@lru_cache(maxsize=1024)
def acts(name: str) -> bool:
    """Whether a field of this name must not leave."""
    return name in _NAMES or _FAMILIES.match(name) is not None
