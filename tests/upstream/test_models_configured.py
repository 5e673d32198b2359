import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from proxy.errors import ConfigError, ModelNotFound
from proxy.upstream.discovery import PROVIDERS, models_from_environment, ollama_base
from proxy.upstream.models import models_from_list
from tests.doubles.running import free_port

NOBODY = {"OLLAMA_HOST": f"127.0.0.1:{free_port()}"}


def entry(name="m", **params):
    return {"model_name": name, "litellm_params": {"model": "openai/x", **params}}


def test_a_model_list_keeps_its_order_and_finds_by_name():
    models = models_from_list([entry("b"), entry("a", api_base="http://x.test")], {})
    assert models.names() == ["b", "a"]
    assert models.get("a").params == {"model": "openai/x", "api_base": "http://x.test"}
    assert (models.get("a").target, models.get("a").lane) == ("openai/x", "native")


def test_an_unknown_name_is_a_model_that_is_not_found():
    with pytest.raises(ModelNotFound, match="'gpt-9'"):
        models_from_list([entry()], {}).get("gpt-9")


def test_variables_are_read_from_the_environment_wherever_they_stand():
    models = models_from_list(
        [entry(api_key="os.environ/MINE", extra_headers={"x-team": "os.environ/TEAM"}, tags=["os.environ/TEAM"])],
        {"MINE": "sk-123456789", "TEAM": "blue-team"},
    )
    params = models.get("m").params
    assert (params["api_key"], params["extra_headers"], params["tags"]) == (
        "sk-123456789",
        {"x-team": "blue-team"},
        ["blue-team"],
    )


@pytest.mark.parametrize("env", [{}, {"MINE": ""}])
def test_an_unset_variable_is_named_at_start(env):
    with pytest.raises(ConfigError, match=r"Model 'm' .* MINE"):
        models_from_list([entry(api_key="os.environ/MINE")], env)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"model_name": "m"}, "lacks"),
        ({"litellm_params": {"model": "openai/x"}}, "lacks"),
        ({"model_name": "m", "litellm_params": {"api_key": "k"}}, "lacks"),
        (entry("m:off"), "must not end"),
        ({**entry(), "model_info": {"lane": "fast"}}, "'fast'"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(bad, says):
    with pytest.raises(ConfigError, match=says):
        models_from_list([bad], {})


def test_a_wildcard_is_left_out_and_alone_it_is_no_configuration(caplog):
    assert models_from_list([entry("openai/*"), entry()], {}).names() == ["m"]
    assert "wildcards" in caplog.text
    with pytest.raises(ConfigError, match="no model"):
        models_from_list([entry("*")], {})


def test_entries_of_one_name_are_its_deployments():
    models = models_from_list([entry(api_base="http://a.test"), entry(api_base="http://b.test")], {})
    assert [one.params["api_base"] for one in models.deployments("m")] == ["http://a.test", "http://b.test"]
    assert models.names() == ["m"]


def test_every_key_counts_as_a_secret_and_none_is_shown():
    models = models_from_list(
        [
            entry(
                api_key="key-in-params",
                aws_secret_access_key="aws-secret",
                extra_headers={"Authorization": "Bearer header-secret"},
                vertex_credentials={"private": "vertex-secret"},
                temperature=0.5,
            )
        ],
        {"OTHER_API_KEY": "key-in-environment", "HOME": "/root/home"},
    )
    model = models.get("m")
    assert {"key-in-params", "aws-secret", "header-secret", "vertex-secret", "key-in-environment"} <= model.secrets
    assert "/root/home" not in model.secrets
    assert "secret" not in repr(model)
    assert "key-in" not in repr(model)


@pytest.mark.parametrize("variable", list(PROVIDERS))
def test_a_providers_key_brings_its_models(variable):
    models = models_from_environment({variable: "sk-123456789", **NOBODY})
    assert [models.get(name).target for name in models.names()] == list(PROVIDERS[variable])
    assert {models.get(name).params["api_key"] for name in models.names()} == {"sk-123456789"}
    assert not any("*" in name for name in models.names())


def test_the_names_of_all_providers_together_are_distinct(caplog):
    models = models_from_environment({**dict.fromkeys(PROVIDERS, "sk-123456789"), **NOBODY})
    assert len(models.names()) == sum(len(targets) for targets in PROVIDERS.values())


def test_with_nothing_at_all_there_is_the_mirror():
    models = models_from_environment(NOBODY)
    assert models.names() == ["mirror"]
    assert (models.get("mirror").lane, models.needs_litellm) == ("mirror", False)


class Ollama(BaseHTTPRequestHandler):
    body = json.dumps({"models": [{"name": "llama3.2:latest"}, {"name": "qwen3:8b"}]})

    def do_GET(self):
        self.send_response(200 if self.path == "/api/tags" else 404)
        self.end_headers()
        self.wfile.write(self.body.encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def ollama():
    with HTTPServer(("127.0.0.1", 0), Ollama) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_local_ollama_brings_what_it_has_pulled(ollama):
    models = models_from_environment({"OLLAMA_HOST": ollama})
    assert models.names() == ["llama3.2", "qwen3:8b"]
    assert models.get("llama3.2").params == {"model": "ollama_chat/llama3.2:latest", "api_base": f"http://{ollama}"}


@pytest.mark.parametrize("body", ["not json", "[]", '{"models": [{}]}', '{"models": []}'])
def test_something_else_on_ollamas_port_is_no_model(ollama, monkeypatch, body):
    monkeypatch.setattr(Ollama, "body", body)
    assert models_from_environment({"OLLAMA_HOST": ollama}).names() == ["mirror"]


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("box:9000", "http://box:9000"),
        ("http://box", "http://box:11434"),
        ("https://box/", "https://box:443"),
        (":8000", "http://127.0.0.1:8000"),
    ],
)
def test_ollamas_host_is_read_as_its_own_client_reads_it(host, base):
    assert ollama_base(host) == base
