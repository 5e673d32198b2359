"""Secrets are taken out of what is remembered, and prose is left alone."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.distil.redaction import redact, redact_all

LETTERS = "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA2cD4fG6hJ8kL0nP"

SECRETS = {
    "an OpenAI key": f"sk-proj-{LETTERS}",
    "an Anthropic key": f"sk-ant-api03-{LETTERS}",
    "a Google key": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "an AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a GitHub token": "ghp_" + "a1B2c3D4e5" * 3 + "abcdef",
    "a Slack token": "xoxb-" + "123456789012-123456789012-abcdefABCDEFabcdef",
    "a JSON web token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
}
CALLED = {
    "password = 'hunter2secret'": "hunter2secret",
    "my password is Tr0ub4dor&3": "Tr0ub4dor&3",
    "api_key: 3f2a9c8d7e6b5a4f3e2d1c0b9a8f7e6d": "3f2a9c8d7e6b5a4f3e2d1c0b9a8f7e6d",
    "the database is postgres://anna:s3cretpw@host/db": "s3cretpw",
    "OPENAI_API_KEY=sk-abc123def456ghi789jkl012mno345pq": "abc123def456",
}
PROSE = (
    "The starter's password to success is patience.",
    "The secret is butter, and the key insight is the 3rd law.",
    "My password is the name of my cat.",
    "See https://example.org/some/long/path/with-many-words/and_more/12345 and call 555-123-4567.",
    "The commit is 3f2a9c8d7e6b5a4f3e2d1c0b9a8f7e6d12345678.",
    "The node n_8fJ2sKx4QeWv1LrUoBdMzC hangs under 550e8400-e29b-41d4-a716-446655440000.",
    "Token: the limit is 4096 tokens.",
)


@pytest.mark.parametrize("kind", SECRETS)
def test_a_token_is_taken_out_wherever_it_stands(kind: str):
    secret = SECRETS[kind]
    for text in (secret, f"Use {secret} for it.", f"first line\n{secret}\nlast line", f'"{secret}"'):
        found = redact(text)
        assert found.found >= 1
        assert secret not in found.text
        assert secret[8:] not in found.text
        assert "[redacted: " in found.text


@pytest.mark.parametrize("text", CALLED)
def test_what_is_called_a_password_and_looks_like_one_is_taken_out(text: str):
    found = redact(f"Note this.\n{text}\nThanks.")
    assert CALLED[text] not in found.text
    assert found.text.startswith("Note this.\n")
    assert found.text.endswith("\nThanks.")


def test_a_private_key_goes_with_all_its_lines_also_when_it_is_cut():
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"
    assert redact(f"Here:\n{key}\nGot it?") == ("Here:\n[redacted: Private Key]\nGot it?", 1)
    assert redact(f"Here:\n{key[:50]}") == ("Here:\n[redacted: Private Key]", 1)


@pytest.mark.parametrize("text", PROSE)
def test_prose_is_left_alone(text: str):
    assert redact(text) == (text, 0)


def test_several_texts_are_counted_together():
    texts, found = redact_all(["Fine.", f"Key {SECRETS['an AWS key']}", f"Key {SECRETS['a Google key']}"])
    assert found == 2
    assert texts[0] == "Fine."


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=200), st.sampled_from(sorted(SECRETS)))
def test_nothing_around_a_secret_saves_it(text: str, kind: str):
    found = redact(f"{text} {SECRETS[kind]} {text}")
    assert SECRETS[kind] not in found.text


def test_the_library_is_not_loaded_before_it_is_needed():
    code = "import sys, proxy.distil.memorize, proxy.distil.remembering; print([m for m in sys.modules if m.split('.')[0] in ('detect_secrets', 'dspy', 'requests')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
