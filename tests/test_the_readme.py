"""What the README shows works as it stands: its Python runs, its commands and headers exist, its links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import click
import pytest
import yaml

from proxy.cli.main import COMMANDS
from proxy.cli.main import graft as cli
from proxy.config import Settings
from proxy.domain.placement import POLICIES
from proxy.operations.figures import FIGURES
from proxy.upstream.discovery import PROVIDERS
from tests.doubles.served import Linear, Served, clean_environment

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def table_under(heading: str) -> list[str]:
    """The first cells of the table that follows a heading, without backticks."""
    section = README.partition(f"# {heading}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)
    assert rows, f"{heading!r} has no table"
    return rows


def graft_lines() -> list[str]:
    lines = [line for block in blocks("sh") for line in block.splitlines()] + re.findall(
        r"`((?:uv run )?graft [^`]+)`", README
    )
    return sorted({line[line.index("graft ") :] for line in lines if re.search(r"(^|uv run )graft ", line)})


@pytest.mark.parametrize("script", blocks("python"))
def test_the_python_runs_as_it_stands(graft: Served, script: str) -> None:
    key, user = graft.key()
    script = script.replace("http://127.0.0.1:4800", graft.url).replace('"anything"', repr(key))
    script = script.replace('model="gpt"', 'model="gpt-test"')
    ran = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first.startswith("root under root - ")
    assert second.startswith("continue under n_")
    assert len(graft.nodes(user)) == 4


@pytest.mark.parametrize("line", graft_lines())
def test_every_graft_command_and_option_exists(line: str) -> None:
    command: click.Command = cli
    for word in shlex.split(line.partition("#")[0])[1:]:
        if isinstance(command, click.Group):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"{word!r} is no command"
            command = found
        elif word.startswith("--"):
            assert word in {option for parameter in command.params for option in parameter.opts}


def test_the_table_of_commands_is_complete() -> None:
    assert sorted(table_under("Commands")) == sorted(f"graft {name}" for name in COMMANDS)


def test_the_table_of_reply_headers_is_complete(graft: Served) -> None:
    chat = Linear(graft.client(graft.key()[0]))
    chat.say("How do I bake a bread?", extra_body={"mock_response": "Hm."})
    told = set(chat.told)
    chat.say("And rolls?", extra_headers={"User-Agent": "QwenCode/1.0"})
    told |= set(chat.told)
    chat.say("And a cake?", extra_headers={"X-Graft-Task": "title"})
    told |= set(chat.told)
    assert {name for name in told if name.startswith("x-graft-")} == set(table_under("Headers of a reply"))


def test_the_table_of_frontends_headers_is_complete() -> None:
    section = README.partition("# Ids of frontends\n")[2].partition("\n#")[0]
    clients = Settings().clients.model_dump()
    settings = {name for name in clients if name.endswith("_headers")}
    assert set(re.findall(r"`clients\.(\w+)`", section)) == settings
    told = {name.lower() for name in re.findall(r"`([A-Z][\w-]+)`", section)}
    assert told == {header for name in settings for header in clients[name]}


def test_the_tables_of_known_clients_are_complete() -> None:
    clients = Settings().clients
    assert table_under("Helper requests") == [rule.name for rule in clients.helpers]
    assert table_under("Coding agents") == [profile.name for profile in clients.profiles]


def test_the_routes_and_policies_are_those_that_exist() -> None:
    assert set(table_under("Where a turn goes")) == {
        "continue", "return", "fork", "root", "pinned", "follow", "aside",
    }  # fmt: skip
    assert table_under("Switching placement off") == list(POLICIES)


def test_the_table_of_the_tree_api_is_complete(graft: Served) -> None:
    with urlopen(f"{graft.url}/api/docs/openapi.json", timeout=30) as served:
        described = json.load(served)["paths"]
    routes = {
        f"{verb.upper()} {path}" for path, verbs in described.items() if path.startswith("/api/") for verb in verbs
    }
    section = README.partition("# The tree API\n")[2].partition("\n#")[0]
    assert set(re.findall(r"`((?:GET|PUT|POST|PATCH|DELETE) [^`]+)`", section)) == routes


def test_the_table_of_figures_is_complete() -> None:
    rows = README.partition("<!-- figures: begin -->")[2].partition("<!-- figures: end -->")[0].splitlines()
    told = {cells[1].strip(" `"): re.findall(r"`(\w+)`", cells[2]) for row in rows if len(cells := row.split("|")) > 3}
    assert {name: told.get(name) for name in FIGURES} == {name: list(one.labels) for name, one in FIGURES.items()}
    assert set(told) == {"figure", "---", *FIGURES}


def test_the_variables_that_bring_models_are_all_named() -> None:
    assert [name for name in PROVIDERS if f"`{name}`" not in README] == []


def test_yaml_can_be_read() -> None:
    for block in blocks("yaml"):
        assert yaml.safe_load(block)


def test_links_lead_to_headings_and_files_that_are_there() -> None:
    headings = {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    }
    for target in re.findall(r"\]\(([^)]+)\)", README):
        if target.startswith("#"):
            assert target[1:] in headings
        elif "://" not in target:
            assert (ROOT / target).exists()


def test_the_changelog_comes_last() -> None:
    assert re.findall(r"^## (.+)$", README, re.MULTILINE)[-1] == "Changelog"
