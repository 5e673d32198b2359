"""The README's table of names: complete, true of the client, and true of the server's own description."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any
from urllib.request import urlopen

import pytest

import proxy.client
from proxy.client import AsyncDiscussion, AsyncGraft, AsyncMessage, Discussion, Graft, Message, endpoints
from proxy.client.attributes import Field, Live
from proxy.client.calls import branches, memories, message, talk
from proxy.client.calls.account import AccountCalls
from proxy.client.calls.discussion import DiscussionCalls
from proxy.client.calls.message import MessageCalls
from proxy.client.steps import Endpoint
from tests.doubles.served import Served, clean_environment

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
SECTION = README.partition("### A client for Python\n")[2].partition("\n## ")[0]
ROWS = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| `")]
BY_NAME = {row[0]: row[1:] for row in ROWS}

MESSAGE = """id sender content parent_id tokens images active_images metadata
    get_all_images get_active_images toggle_image_activation set_metadata_item"""
DISCUSSION = """id system_prompt user_data_zone discussion_data_zone personality_data_zone memory participants active_branch_id
    discussion_metadata metadata created_at updated_at pruning_summary pruning_point_id images active_images max_context_size autosave
    scratchpad create_new add_message chat regenerate_branch get_messages get_message get_all_messages_flat delete_branch
    switch_to_branch export summarize_and_prune memorize list_memories add_memory load_memory_into_context list_artefacts add_artefact
    get_artefact update_artefact remove_artefact load_artefact_into_data_zone get_full_data_zone count_discussion_tokens
    get_context_status add_discussion_image toggle_image_activation auto_title set_metadata_item clone_without_messages
    export_to_json_str import_from_json_str touch commit close"""
DATA_MANAGER = "get_discussion create_discussion list_discussions delete_discussion"
BESIDE = "generate_text generate_structured_content generate_with_mcp_rag count_tokens count_image_tokens remove_thinking_blocks chat"
NOTEBOOK = """Score ScoreItem FindBestAttachment AttachmentPoint ConversationTreeModule build_tree get_4_turn_windows_from_root
    get_last_4_turns_from_tips check_same_path explore_attachment_space forward PersistentConversationTreeModule ConversationTreeManager
    create_root_branch add_message create_branch get_branch get_conversation_context reconstruct_tree export_tree import_tree
    ConversationTreeDB PredictWithHistory MessageRole"""
TWINS = [
    (Graft, AsyncGraft, AccountCalls),
    (Discussion, AsyncDiscussion, DiscussionCalls),
    (Message, AsyncMessage, MessageCalls),
]
ALL = {name: endpoint for name, endpoint in vars(endpoints).items() if isinstance(endpoint, Endpoint)}
FUNCTIONS = {
    name: value
    for module in (branches, memories, message, talk)
    for place in (vars(module), vars(talk.Talking))
    for name, value in place.items()
    if inspect.isfunction(value)
}
"""What the core's methods call beside each other."""


@pytest.fixture(scope="module")
def described(graft_process: Served) -> set[str]:
    with urlopen(f"{graft_process.url}/api/docs/openapi.json", timeout=30) as served:
        paths = json.load(served)["paths"]
    return {f"{verb.upper()} {path}" for path, verbs in paths.items() for verb in verbs}


def methods(calls: type) -> dict[str, Any]:
    """The core's methods by name."""
    return {name: one for name, one in inspect.getmembers(calls, inspect.isfunction) if not name.startswith("_")}


def used(function: Any, calls: type, seen: set[Any] | None = None) -> set[str]:
    """The addresses that a method of the core asks, itself or by way of others; names are all that is compared."""
    seen = set() if seen is None else seen
    if not inspect.isfunction(function) or function in seen:
        return set()
    seen.add(function)
    found: set[str] = set()
    for name in names_in(function.__code__):
        if name in ALL:
            found.add(f"{ALL[name].method} {ALL[name].path}")
        for other in (FUNCTIONS.get(name), getattr(calls, name, None)):
            found |= used(other, calls, seen)
    return found


def names_in(code: CodeType) -> set[str]:
    inner = [one for one in code.co_consts if inspect.iscode(one)]
    return set(code.co_names).union(*map(names_in, inner))


def named(cell: str) -> Iterator[tuple[type, str]]:
    """The members of the client that a cell of the table names."""
    for kind, member in re.findall(r"`(Graft|Discussion|Message)\.(\w+)`", cell):
        yield {"Graft": Graft, "Discussion": Discussion, "Message": Message}[kind], member


@pytest.mark.parametrize(
    "name",
    [
        *(f"`LollmsDiscussion.{name}`" for name in DISCUSSION.split()),
        *(f"`LollmsMessage.{name}`" for name in MESSAGE.split()),
        *(f"`LollmsDataManager.{name}`" for name in DATA_MANAGER.split()),
        *(f"`LollmsClient.{name}`" for name in BESIDE.split()),
        "`LollmsDataManager`",
        "`LollmsMessage`",
        "`LollmsDiscussion`",
    ],
)
def test_every_name_of_the_discussion_has_a_row(name: str) -> None:
    assert name in BY_NAME


@pytest.mark.parametrize("name", NOTEBOOK.split())
def test_every_name_of_the_notebook_has_a_row(name: str) -> None:
    assert any(re.search(rf"\b{name}\b", cell) for cell in BY_NAME)


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_row_names_what_is_there_or_gives_a_reason(row: list[str], described: set[str]) -> None:
    name, here, *address = row
    if here.startswith("declined"):
        assert len(here.partition(":")[2].split()) > 5, "a reason"
    else:
        members = list(named(here))
        classes = [one for one in re.findall(r"`(\w+)`", here) if inspect.isclass(getattr(proxy.client, one, None))]
        assert members or classes, name
        for kind, member in members:
            assert hasattr(kind, member), f"{kind.__name__}.{member}"
    for told in re.findall(r"`([A-Z]+ /[^`]+)`", " ".join(address)):
        assert told in described or told.partition(" ")[2].startswith("/v1/")


@pytest.mark.parametrize("row", [row for row in ROWS if not row[1].startswith("declined")], ids=lambda row: row[0])
def test_the_address_of_a_row_is_one_that_its_method_asks(row: list[str]) -> None:
    told = re.findall(r"`([A-Z]+ /[^`]+)`", " ".join(row[2:]))
    asked: set[str] = set()
    for kind, member in named(row[1]):
        [calls] = [calls for blocking, _, calls in TWINS if blocking is kind]
        attribute = inspect.getattr_static(kind, member)
        if isinstance(attribute, Live):
            write = {"user_data_zone": "set_zone", "memory": "set_zone", "discussion_data_zone": "set_zone"}.get(member)
            asked |= used(attribute._read, calls) | used(attribute._write, calls)
            asked |= used(getattr(calls, write), calls) if write else set()
        elif isinstance(attribute, Field):
            asked |= used(calls.put, calls)
        else:
            asked |= used(getattr(calls, member, None), calls)
    if told and asked:
        assert set(told) <= asked


def test_every_address_that_the_client_uses_exists_and_no_other_is_missing(described: set[str]) -> None:
    ours = {f"{endpoint.method} {endpoint.path}" for endpoint in ALL.values()}
    assert ours - described == set()
    assert {told for told in described if "/api/" in told} - ours == set()


def test_every_address_is_used_by_a_method() -> None:
    asked = {told for _, _, calls in TWINS for method in methods(calls).values() for told in used(method, calls)}
    assert {f"{endpoint.method} {endpoint.path}" for endpoint in ALL.values()} - asked == set()


@pytest.mark.parametrize(("blocking", "awaited", "calls"), TWINS)
def test_both_clients_have_all_methods_of_the_core_and_no_others(blocking: type, awaited: type, calls: type) -> None:
    for name in methods(calls):
        assert inspect.isfunction(getattr(blocking, name)), name
        assert inspect.iscoroutinefunction(getattr(awaited, name)), name
    mine, theirs = ({name for name in vars(kind) if not name.startswith("_")} for kind in (blocking, awaited))
    live = {name for name, value in vars(blocking).items() if isinstance(value, Live)}
    assert mine - live == theirs


def test_what_the_readme_shows_runs(graft: Served) -> None:
    [script] = re.findall(r"^```py\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)
    key, _ = graft.key()
    script = script.replace("http://127.0.0.1:4800", graft.url).replace('"anything"', repr(key))
    script = script.replace('model="gpt"', 'model="gpt-test"')
    ran = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert "!@>system:\nYou know plants." in ran.stdout


def test_importing_the_client_is_light_and_brings_nothing_of_the_server() -> None:
    script = "import sys, proxy.client; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script], env=clean_environment(), capture_output=True, text=True, check=True
    )
    loaded = ran.stdout.split()
    heavy = {"litellm", "dspy", "litestar", "pydantic", "msgspec", "aiosqlite", "aiohttp", "numpy"}
    assert heavy & set(loaded) == set()
    assert [name for name in loaded if name.startswith("proxy.") and not name.startswith("proxy.client")] == []
