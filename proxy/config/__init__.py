"""Settings, read once from YAML and the environment.

The file is named by `--config` or `GRAFT_CONFIG`; every key can also be set by a variable such as `GRAFT__SERVER__PORT`, which
wins over the file. Unknown keys are refused. `config.example.yaml` shows every key. `model_list` has LiteLLM's own format, and
the sections of a LiteLLM configuration that mean nothing here are accepted and named in the log, so that an existing file can be used.
"""

from __future__ import annotations

from proxy.config.answering import ContextSettings, ModelEntry, RoutingSettings, TitleSettings, UpstreamSettings
from proxy.config.clients import ClientSettings
from proxy.config.keeping import StorageSettings
from proxy.config.loading import Settings, load, read_yaml
from proxy.config.serving import LimitSettings, MetricSettings, ServerSettings, TraceSettings

__all__ = [
    "ClientSettings",
    "ContextSettings",
    "LimitSettings",
    "MetricSettings",
    "ModelEntry",
    "RoutingSettings",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "TitleSettings",
    "TraceSettings",
    "UpstreamSettings",
    "load",
    "read_yaml",
]
