"""Traces of requests, as OpenTelemetry has them: a span for each request, its stages, and each question to a model.

`pip install "graft-proxy[otel]"` brings what is needed; without `traces.enabled` nothing of it is imported. A client's `traceparent` is
gone on with, and a model's server is told ours. What was said is no part of a span unless the operator asked for it.

Sources: W3C Trace Context; OpenTelemetry's semantic conventions for HTTP, and for generative AI (status: development).
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from proxy import __version__
from proxy.errors import ConfigError
from proxy.operations.entry import Entry, current

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

CONTEXT_HEADERS = frozenset({b"traceparent", b"tracestate"})
_FLUSHED_WITHIN_MS = 3_000
_NS = 1_000_000_000


class Traces:
    """Makes spans; only there when the operator wants them."""

    def __init__(self, provider: TracerProvider, *, content: bool = False) -> None:
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._provider = provider
        self._tracer = provider.get_tracer("graft", __version__)
        self._api = trace
        self._context = TraceContextTextMapPropagator()
        self.content = content
        """Whether spans hold what was said."""

    def begin(self, entry: Entry, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """A request has come; its client may have a trace of its own."""
        carried = {name.decode(): value.decode("latin-1") for name, value in headers if name in CONTEXT_HEADERS}
        entry.span = self._tracer.start_span(
            entry.method,
            context=self._context.extract(carried),
            kind=self._api.SpanKind.SERVER,
            start_time=int(entry.began_at * _NS),
        )
        entry.trace = f"{entry.span.get_span_context().trace_id:032x}"

    def end(self, entry: Entry) -> None:
        """Its answer is out: tell what is known, and its stages, which stand one behind the other."""
        span, begin_ns = entry.span, int(entry.began_at * _NS)
        if span is None:
            return
        span.update_name(f"{entry.method} {entry.route}")
        span.set_attributes(_of_request(entry))
        if entry.status >= 500:
            span.set_attribute("error.type", entry.failure or str(entry.status))
            span.set_status(self._api.StatusCode.ERROR)
        if span.is_recording() and entry.stages_ms:
            beneath, at_ns = self._api.set_span_in_context(span), begin_ns
            for stage, spent_ms in entry.stages_ms.items():
                part = self._tracer.start_span(f"graft {stage}", context=beneath, start_time=at_ns)
                at_ns += int(spent_ms * 1_000_000)
                part.end(at_ns)
        span.end(time.time_ns())

    def question(self, name: str, attributes: Mapping[str, Any]) -> tuple[Span, dict[str, str]]:
        """A span for a question to a model, below the request that it is asked for; and the headers that tell its server of it."""
        above = current.get().span
        context = None if above is None else self._api.set_span_in_context(above)
        span = self._tracer.start_span(
            name, context=context, kind=self._api.SpanKind.CLIENT, attributes=dict(attributes)
        )
        headers: dict[str, str] = {}
        self._context.inject(headers, self._api.set_span_in_context(span))
        return span, headers

    def failed(self, span: Span, kind: str) -> None:
        span.set_attribute("error.type", kind)
        span.set_status(self._api.StatusCode.ERROR)

    def close(self) -> None:
        """Send what is waiting, for some seconds at most; blocks."""
        self._provider.force_flush(_FLUSHED_WITHIN_MS)
        self._provider.shutdown()


def exporting(endpoint: str | None, share: float, *, content: bool = False) -> Traces:
    """Traces that leave over OTLP/HTTP.

    Args:
        endpoint: Where to; without one, where the variables of OpenTelemetry say (`OTEL_EXPORTER_OTLP_ENDPOINT`), else this machine.
        share: How many of the traces that begin here are kept; a client's own decision stands.

    Raises ConfigError where the libraries are not installed.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased  # noqa: PLC0415
    except ImportError as exc:
        raise ConfigError('traces.enabled needs OpenTelemetry: pip install "graft-proxy[otel]".') from exc
    about = {"service.version": __version__}
    if "OTEL_SERVICE_NAME" not in os.environ and "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        about["service.name"] = "graft"
    sampler = ParentBased(TraceIdRatioBased(share))
    provider = TracerProvider(sampler, Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    return Traces(provider, content=content)


def _of_request(entry: Entry) -> dict[str, Any]:
    told = {
        "http.request.method": entry.method,
        "http.route": entry.route,
        "http.response.status_code": entry.status,
        "enduser.id": entry.user,
        "graft.request_id": entry.id,
        "graft.key": entry.key,
        "graft.model": entry.model,
        "graft.answered_by": entry.answered_by,
        "graft.route": entry.placed,
        "graft.scorer": entry.scorer,
        "graft.degraded": entry.degraded,
        "graft.aside": entry.aside,
        "graft.tree": entry.tree,
        "graft.node": entry.node,
        "graft.saved_tokens": entry.saved_tokens,
    }
    return {name: value for name, value in told.items() if value}
