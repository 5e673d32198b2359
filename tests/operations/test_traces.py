"""Traces: a span for a request, its stages, and each question to a model, with the field's own names, and nothing that was said."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.testing import TestClient

from proxy.app import create_app
from proxy.config import Settings
from proxy.errors import ConfigError
from proxy.operations import traces as traces_module
from proxy.operations.traces import Traces
from tests.doubles.running import UpstreamDouble
from tests.doubles.served import UPSTREAM_KEY, serving

pytest.importorskip("opentelemetry.sdk", reason='traces need the extra: pip install "graft-proxy[otel]"')

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind, StatusCode

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CARRIED = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
SECRET = "marmalade under the stairs"


def models(upstream: UpstreamDouble) -> list[dict[str, Any]]:
    return [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": upstream.base_url, "api_key": UPSTREAM_KEY},
            "model_info": {"max_input_tokens": 32_000, "lane": "raw"},
        }
        for name in ("gpt-test", "status-500")
    ]


class Traced:
    """An application whose spans are kept in memory."""

    def __init__(self, upstream: UpstreamDouble, *, content: bool) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        settings = Settings(
            storage={"url": "sqlite://:memory:"}, model_list=models(upstream), routing={"embedder": "static"}
        )
        app = create_app(settings, env={}, traces=Traces(provider, content=content))
        self.client = TestClient(app, base_url="http://127.0.0.1")

    def say(self, text: str = SECRET, model: str = "gpt-test", **more: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
        return self.client.post("/v1/chat/completions", json=body, headers=CARRIED)

    def spans(self) -> dict[str, Any]:
        """By name; those of one request."""
        found = {span.name: span for span in self.exporter.get_finished_spans()}
        self.exporter.clear()
        return found


@pytest.fixture(scope="module", params=[False, True], ids=["without content", "with content"])
def traced_app(request: pytest.FixtureRequest, upstream_process: UpstreamDouble) -> Iterator[Traced]:
    made = Traced(upstream_process, content=request.param)
    made.with_content = request.param
    with made.client:
        yield made


@pytest.fixture
def traced(traced_app: Traced, upstream: UpstreamDouble) -> Traced:
    traced_app.exporter.clear()
    return traced_app


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_a_span_with_its_stages_and_its_question(
    traced: Traced, upstream: UpstreamDouble, stream: bool
) -> None:
    answer = traced.say(stream=stream, temperature=0.5, max_tokens=50)
    assert answer.status_code == 200, answer.text
    spans = traced.spans()
    request, question = spans["POST /v1/chat/completions"], spans["chat gpt-test"]
    assert f"{request.context.trace_id:032x}" == TRACE
    assert f"{request.parent.span_id:016x}" == PARENT
    assert (request.kind, question.kind) == (SpanKind.SERVER, SpanKind.CLIENT)
    assert request.attributes["http.response.status_code"] == 200
    assert request.attributes["graft.request_id"] == answer.headers["x-request-id"]
    assert request.attributes["graft.node"] == answer.headers["x-graft-node"]
    for stage in ("find", "place", "context", "store"):
        part = spans[f"graft {stage}"]
        assert part.parent.span_id == request.context.span_id
        assert request.start_time <= part.start_time <= part.end_time
    assert question.parent.span_id == request.context.span_id
    told = dict(question.attributes)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-test",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 50,
        "gen_ai.response.finish_reasons": ("stop",),
        "server.address": "127.0.0.1",
    }
    assert expected.items() <= told.items()
    assert told["gen_ai.response.model"].startswith("gpt-test")
    assert told["gen_ai.usage.input_tokens"] > 0
    assert told["gen_ai.usage.output_tokens"] > 0
    assert ("gen_ai.response.time_to_first_chunk" in told) is stream
    (sent,) = upstream.requests()
    carried = {name.lower(): value for name, value in sent["headers"].items()}
    assert carried["traceparent"] == f"00-{TRACE}-{question.context.span_id:016x}-01"


def test_what_was_said_is_told_only_where_it_is_asked_for(traced: Traced) -> None:
    answer = traced.say()
    reply = answer.json()["choices"][0]["message"]["content"]
    spans = traced.spans()
    everything = json.dumps([[span.name, dict(span.attributes)] for span in spans.values()], default=str)
    told = spans["chat gpt-test"].attributes
    if not traced.with_content:
        assert SECRET not in everything
        assert reply not in everything
        return
    (asked,) = [one for one in json.loads(told["gen_ai.input.messages"]) if one["role"] == "user"]
    assert asked["parts"] == [{"type": "text", "content": SECRET}]
    (said,) = json.loads(told["gen_ai.output.messages"])
    assert said == {"role": "assistant", "parts": [{"type": "text", "content": reply}], "finish_reason": "stop"}


def test_an_error_of_a_model_is_an_error_of_both_spans(traced: Traced) -> None:
    assert traced.say(model="status-500").status_code == 500
    spans = traced.spans()
    request, question = spans["POST /v1/chat/completions"], spans["chat status-500"]
    assert request.status.status_code == question.status.status_code == StatusCode.ERROR
    assert (request.attributes["error.type"], question.attributes["error.type"]) == ("UpstreamError", "500")


def test_names_are_those_of_the_convention(traced: Traced) -> None:
    traced.say(stream=True, temperature=0.1, top_p=0.2, seed=7, frequency_penalty=0.1, presence_penalty=0.1, n=2)
    known = {value for name, value in vars(gen_ai_attributes).items() if name.startswith("GEN_AI_")}
    told = {name for span in traced.spans().values() for name in span.attributes if name.startswith("gen_ai.")}
    assert len(told) > 10
    assert told <= known


def test_without_a_trace_of_the_client_one_begins(traced: Traced) -> None:
    traced.client.get("/v1/models", headers={"traceparent": "nonsense\tof a trace"})
    (span,) = traced.spans().values()
    assert span.parent is None
    assert span.name == "GET /v1/models"


def test_nothing_of_opentelemetry_is_imported_where_nobody_traces() -> None:
    script = "from proxy.app import create_app; from proxy.config import Settings; import sys; create_app(Settings()); "
    script += "print(sorted(n for n in sys.modules if n.startswith(('opentelemetry.sdk', 'opentelemetry.trace', 'prometheus'))))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"graft-proxy\[otel\]"):
        traces_module.exporting(None, 1.0)


class Collector(HTTPServer):
    """Takes spans as an OpenTelemetry collector does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.spans: list[Any] = []
        self.services: set[str] = set()


class Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["content-length"]))
        assert self.path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(content).resource_spans:
            self.server.services |= {
                a.value.string_value for a in resource.resource.attributes if a.key == "service.name"
            }
            self.server.spans += [span for scope in resource.scope_spans for span in scope.spans]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing on standard error."""


def test_a_served_graft_sends_its_spans_to_a_collector(tmp_path: Path, upstream: UpstreamDouble) -> None:
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    settings = {
        "model_list": models(upstream),
        "routing": {"embedder": "static"},
        "traces": {"enabled": True, "endpoint": f"http://127.0.0.1:{collector.server_port}/v1/traces"},
        "server": {"log_format": "json"},
    }
    try:
        with serving(tmp_path, upstream, settings) as served:
            body = {"model": "gpt-test", "messages": [{"role": "user", "content": SECRET}], "stream": True}
            with httpx.stream(
                "POST", f"{served.url}/v1/chat/completions", json=body, headers=CARRIED, timeout=60
            ) as answer:
                answer.read()
        log = [json.loads(line) for line in served.log().splitlines()]
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    named = {span.name: span for span in collector.spans if span.trace_id.hex() == TRACE}
    assert {"POST /v1/chat/completions", "chat gpt-test", "graft store"} <= set(named)
    told = {one.key for one in named["chat gpt-test"].attributes}
    assert {"gen_ai.usage.input_tokens", "gen_ai.response.time_to_first_chunk"} <= told
    assert collector.services == {"graft"}
    assert SECRET not in str(collector.spans)
    (line,) = [line for line in log if line.get("route") == "/v1/chat/completions"]
    assert line["trace_id"] == TRACE
