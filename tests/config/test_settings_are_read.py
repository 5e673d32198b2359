"""Where settings come from, which of them wins, and what is said of those that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from proxy.config import Settings, load, read_yaml
from proxy.errors import ConfigError

LITELLM_FILE = """
model_list:
  - model_name: gpt-4
    litellm_params: {model: azure/chat, api_base: "os.environ/AZURE_API_BASE", rpm: 6}
    model_info: {id: "1234", mode: chat}
litellm_settings: {drop_params: true, callbacks: [otel], cache: true}
general_settings: {master_key: sk-1234, database_url: "postgresql://x"}
router_settings: {routing_strategy: usage-based-routing-v2, redis_host: localhost}
environment_variables: {REDIS_HOST: localhost}
"""

Write = Callable[[str], str]


@pytest.fixture(autouse=True)
def only_what_a_test_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("GRAFT")]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> str:
        file = tmp_path / "graft.yaml"
        file.write_text(text, encoding="utf-8")
        return str(file)

    return write


def test_without_a_file_and_variables_the_defaults_hold() -> None:
    assert load() == Settings()
    assert load().server.host == "127.0.0.1"
    assert load().model_list == ()


def test_a_file_is_named_by_the_option_or_by_a_variable(write) -> None:
    file = write("server: {port: 5000}")
    assert load(file).server.port == 5000
    assert load(None, {"GRAFT_CONFIG": file}).server.port == 5000


@pytest.mark.parametrize(
    ("text", "key", "lines"),
    [
        ("server: {port: 1}\nstorage: {}\nserver: {port: 2}\n", "server", (1, 3)),
        ("server:\n  port: 1\n  host: a\n  port: 1\n", "port", (2, 4)),
        ("model_list:\n  - {model_name: a, litellm_params: {model: b,\n    model: c}}\n", "model", (2, 3)),
        ('{"limits": {},\n"limits": {}}', "limits", (1, 2)),
    ],
)
def test_a_key_that_stands_twice_is_named_with_both_of_its_lines(write, text, key, lines) -> None:
    with pytest.raises(ConfigError, match=f"'{key}' twice, in line {lines[0]} and in line {lines[1]}"):
        load(write(text))


def test_what_an_alias_brings_in_may_be_said_again(write) -> None:
    text = """
    p:
      q: &b {<<: &a {x: 1, y: 1}, x: 2}
    c: {<<: *b, y: 3}
    d: {<<: *a, <<: {z: 1}}
    """
    told = read_yaml(Path(write(text)))
    assert told == {"p": {"q": {"x": 2, "y": 1}}, "c": {"x": 2, "y": 3}, "d": {"x": 1, "y": 1, "z": 1}}


def test_an_empty_file_changes_nothing(write) -> None:
    assert load(write("# nothing yet\n")) == Settings()


def test_the_environment_wins_over_the_file_key_by_key(write, monkeypatch) -> None:
    monkeypatch.setenv("GRAFT__SERVER__PORT", "6000")
    settings = load(write("server: {port: 5000, log_level: debug}\nrouting: {policy: shadow}"))
    assert (settings.server.port, settings.server.log_level) == (6000, "debug")
    assert settings.routing.policy == "shadow"


def test_null_in_the_environment_takes_back_what_the_file_set(write, monkeypatch) -> None:
    file = write("routing: {model: judge, fresh: root}")
    assert (load(file).routing.model, load(file).routing.fresh) == ("judge", "root")
    monkeypatch.setenv("GRAFT__ROUTING__MODEL", "null")
    assert (load(file).routing.model, load(file).routing.fresh) == (None, "root")


def test_lists_are_json_in_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("GRAFT__CLIENTS__USER_HEADERS", '["x-who"]')
    monkeypatch.setenv("GRAFT__MODEL_LIST", '[{"model_name": "m", "litellm_params": {"model": "mirror"}}]')
    settings = load()
    assert settings.clients.user_headers == ("x-who",)
    assert settings.model_list[0].litellm_params == {"model": "mirror"}


def test_a_litellm_configuration_can_be_used_as_it_is(write) -> None:
    (entry,) = load(write(LITELLM_FILE)).model_list
    assert (entry.model_name, entry.litellm_params["rpm"], entry.model_info["mode"]) == ("gpt-4", 6, "chat")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("server: {prot: 1}", "server.prot: there is no such key"),
        ("storrage: {url: x}", "storrage: there is no such key"),
        ("routing: {policy: sometimes}", "routing.policy: Input should be 'auto', 'follow', 'off' or 'shadow'"),
        ("server: {port: 70000}", "server.port: Input should be less than or equal to 65535"),
        ("server: 4800", "server: Input should be"),
        ("model_list: [{litellm_params: {model: x}}]", "model_list.0.model_name: Field required"),
        ("- a\n- b", "must hold keys and values"),
        ("server: {port: 1", "is not YAML"),
        ("server: {port: 2024-13-45}", "is not YAML"),
        ("1: 2", "has a key that is no text: 1"),
        ("server: &a {host: *a}", "an alias stands within"),
        ("model_list: &a [*a]", "an alias stands within"),
        ("a: " + "[" * 2000 + "]" * 2000, "is nested too deeply"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_the_key_named(write, text, told) -> None:
    file = write(text)
    with pytest.raises(ConfigError) as refused:
        load(file)
    assert told in refused.value.message
    assert file in refused.value.message


def test_a_file_of_another_encoding_is_refused_and_named(tmp_path) -> None:
    file = tmp_path / "config.yaml"
    file.write_bytes("server: {port: 4800}".encode("utf-16"))
    with pytest.raises(ConfigError, match="is not UTF-8"):
        load(str(file))


def test_an_alias_that_stands_twice_is_read(write) -> None:
    text = "model_list: [{model_name: a, litellm_params: &p {model: mirror}}, {model_name: b, litellm_params: *p}]"
    assert [entry.model_name for entry in load(write(text)).model_list] == ["a", "b"]


def test_all_that_is_wrong_is_told_at_once(write) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write("server: {port: abc, prot: 1}\nrouting: {group: 1}"))
    assert [key in refused.value.message for key in ("server.port", "server.prot", "routing.group")] == [True] * 3


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'/nowhere/graft\.yaml' cannot be read: No such file"):
        read_yaml(Path("/nowhere/graft.yaml"))


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("GRAFT__SERVER__PORT", "abc", "server.port"),
        ("GRAFT__SERVER__PROT", "1", "server.prot: there is no such key"),
        ("GRAFT__SERVR__PORT", "1", "GRAFT__SERVR__PORT"),
        ("GRAFT__MODEL_LIST", "[{", "model_list"),
        ("GRAFT__CLIENTS__USER_HEADERS", "x-who", "written as JSON"),
    ],
)
def test_a_variable_that_cannot_be_used_is_refused_and_named(monkeypatch, variable, value, told) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as refused:
        load()
    assert told in refused.value.message


def test_settings_cannot_be_changed_after_they_are_read() -> None:
    settings = load()
    with pytest.raises(ValidationError, match="frozen"):
        settings.server.port = 1


def test_own_rules_are_added_to_the_shipped_ones_or_take_their_place(write) -> None:
    text = """
    clients:
      helpers:
        - {name: my title, starts_with: ["Name it:"], single_message: true}
        - {name: open-webui title, starts_with: ["### Title"], plain: true}
      profiles:
        - {name: mine, policy: shadow, user_agent: [Mine/]}
    """
    clients = load(write(text)).clients
    rules = {rule.name: rule for rule in clients.helpers}
    assert list(rules) == [*(rule.name for rule in Settings().clients.helpers), "my title"]
    assert rules["open-webui title"].starts_with == ("### Title",)
    assert (clients.profiles[-1].name, clients.profiles[-1].policy) == ("mine", "shadow")
    assert len(clients.profiles) == len(Settings().clients.profiles) + 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "clients: {helpers: [{name: x, starts_with: [a]}]}",
            "clients.helpers.0: Value error, the rule 'x' needs two signs",
        ),
        ("clients: {helpers: [{name: x, starts_wiht: [a]}]}", "clients.helpers.0.starts_wiht"),
        ("clients: {helpers: [{starts_with: [a], plain: true}]}", "clients.helpers.0.name"),
        ("clients: {profiles: [{name: x, policy: sometimes}]}", "clients.profiles.0.policy"),
        (
            "clients: {helpers_off: [opnecode title]}",
            "helpers_off names 'opnecode title', and there is none of that name",
        ),
        ("clients: {profiles_off: [adier]}", "profiles_off names 'adier'"),
        ("clients: {pass_on: [x-session, Authorization]}", "'Authorization' is never passed on"),
        ("clients: {pass_on: [X-Graft-User]}", "'X-Graft-User' is never passed on"),
    ],
)
def test_a_rule_that_cannot_be_used_is_refused_and_named(write, text, told) -> None:
    with pytest.raises(ConfigError) as refused:
        load(write(text))
    assert told in refused.value.message
