"""aider with a temporary repository: it edits a file, commits, and goes on, while Graft follows and records."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

EDIT = """Here is the change.

greet.py
```python
<<<<<<< SEARCH
    return "Hello"
=======
    return "Good day"
>>>>>>> REPLACE
```
"""
QUIET = [
    "--no-check-update",
    "--no-show-release-notes",
    "--no-show-model-warnings",
    "--analytics-disable",
    "--no-detect-urls",
    "--no-suggest-shell-commands",
    "--no-auto-lint",
    "--no-gitignore",
    "--no-pretty",
    "--no-fancy-input",
    "--yes-always",
    "--map-tokens",
    "0",
]
MODELS = ["--model", "openai/gpt-test", "--weak-model", "openai/gpt-test", "--edit-format", "diff"]


@pytest.fixture
def repository(person) -> Path:
    """A repository with one file in it."""
    folder = person.home / "work"
    folder.mkdir()
    (folder / "greet.py").write_text('def greet():\n    return "Hello"\n')
    for command in (["init", "--quiet"], ["config", "user.name", "Ann"], ["config", "user.email", "ann@example.org"]):
        git(folder, *command)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Add a greeting")
    return folder


def test_aider_edits_commits_and_goes_on_and_its_commit_message_stays_out(aider, person, repository) -> None:
    person.upstream.say(EDIT, "feat: greet politely", "It returns Good day.")
    asked = "Greet politely.\nWhat does it return now?\n"
    person.run(aider.program("aider"), *QUIET, *MODELS, "greet.py", at=repository, told=asked)
    assert (repository / "greet.py").read_text() == 'def greet():\n    return "Good day"\n'
    assert git(repository, "log", "--format=%s").splitlines() == ["feat: greet politely", "Add a greeting"]
    assert git(repository, "status", "--porcelain", "--untracked-files=no") == ""

    nodes = person.nodes()
    texts = [node.message.text for node in nodes]
    assert [node.parent_id for node in nodes] == [None, *(node.id for node in nodes[:-1])]
    first, second = place_of(texts, "Greet politely."), place_of(texts, "What does it return now?")
    assert texts[first + 1].strip() == EDIT.strip()
    assert first + 1 < second
    assert texts[second + 1 :] == ["It returns Good day."]
    commit = git(repository, "rev-parse", "--short=7", "HEAD").strip()
    told = f"I committed the changes with git hash {commit} & commit msg: feat: greet politely"
    assert [text for text in texts if "feat: greet politely" in text] == [told]
    assert person.turns() == [("follow", "user", "assistant")] * 2
    assert person.asides() == {"aider commit message": 1}

    edit, message, question = (body["messages"] for body in person.upstream.bodies())
    assert question[-1]["content"].startswith("What does it return now?")
    assert any('return "Good day"' in sent["content"] for sent in question if "added these files" in sent["content"])
    assert [sent["role"] for sent in message] == ["system", "user"]
    assert any("example" in sent["content"] for sent in edit)


def place_of(texts: list[str], opening: str) -> int:
    """Where the only text that begins so stands."""
    (place,) = [i for i, text in enumerate(texts) if text.startswith(opening)]
    return place


def git(folder: Path, *command: str) -> str:
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout
