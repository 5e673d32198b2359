"""Limits as a client meets them, on a real server."""

import subprocess
import sys
import threading
from contextlib import closing

import httpx
import openai
import pytest

from tests.doubles.served import clean_environment, serving


@pytest.fixture(scope="module")
def limited(tmp_path_factory, upstream_process):
    settings = {"server": {"max_at_once": 3, "max_body_mb": 1}, "routing": {"policy": "follow"}}
    with serving(tmp_path_factory.mktemp("limited"), upstream_process, settings) as graft:
        yield graft


@pytest.fixture
def client_of(limited):
    """Makes a client under a new key with these limits."""
    made = []

    def make(*options):
        made.append(new_client(limited, *options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def new_client(graft, *options):
    command = [sys.executable, "-m", "proxy", "keys", "add", "ada", *options, "--config", str(graft.config)]
    made = subprocess.run(command, capture_output=True, text=True, check=True, env=clean_environment())
    return graft.client(made.stdout.strip())


def ask(client, text="Hello", **options):
    return client.chat.completions.with_raw_response.create(
        model="gpt-test", messages=[{"role": "user", "content": text}], **options
    )


def test_a_client_is_told_how_much_is_left_and_then_to_wait(client_of, upstream):
    client = client_of("--requests-per-minute", "2")
    assert ask(client).headers["x-ratelimit-remaining-requests"] == "1"
    assert ask(client).headers["x-ratelimit-limit-requests"] == "2"
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)
    assert caught.value.code == "rate_limit_exceeded"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 30
    assert len(upstream.requests()) == 2


@pytest.mark.parametrize(
    ("status", "method", "path", "request_"),
    [
        (400, "POST", "/v1/chat/completions", {"content": b"{"}),
        (400, "POST", "/v1/chat/completions", {"content": b'{"model": 1}'}),
        (400, "POST", "/api/trees", {"content": b"{"}),
        (404, "GET", "/v1/nothing", {}),
        (404, "GET", "/v1/models/nothing", {}),
        (405, "PUT", "/v1/chat/completions", {"content": b"{}"}),
        (413, "POST", "/v1/chat/completions", {"content": b" " * 1_000_001}),
        (413, "POST", "/api/trees", {"content": b" " * 1_000_001}),
        (415, "POST", "/v1/chat/completions", {"content": b"{}", "headers": {"content-encoding": "br"}}),
    ],
)
def test_every_refusal_says_what_is_left_to_its_key_and_costs_nothing_of_it(
    limited, client_of, status, method, path, request_
):
    key = client_of("--requests-per-minute", "2").api_key
    told = {"content-type": "application/json", **request_.get("headers", {})}
    for who, left in ((key, "2"), (key, "2"), ("sk-graft-nobody", None), (limited.key()[0], None)):
        headers = {**told, "authorization": f"Bearer {who}"}
        answer = httpx.request(method, limited.url + path, content=request_.get("content"), headers=headers)
        assert answer.headers.get("x-ratelimit-remaining-requests") == left, who
        assert answer.status_code == status or who == "sk-graft-nobody"


def test_a_days_tokens_are_counted_as_the_provider_reports_them(client_of, upstream):
    client = client_of("--tokens-per-day", "40")
    with ask(client, "Hello", stream=True).parse() as stream:
        list(stream)  # the client asked for no usage, and it is counted all the same
    after = ask(client)
    assert 0 < int(after.headers["x-ratelimit-remaining-tokens"]) < 40
    client.embeddings.create(model="gpt-test", input="One")
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client)
    assert caught.value.body["type"] == "tokens"


def test_one_stream_at_a_time_and_a_left_one_gives_its_place_back(client_of, upstream):
    client = client_of("--at-once", "1")
    upstream.script({"do": "gate", "name": "slow", "text": "one two three four"})
    with closing(ask(client, "Hello", stream=True).parse()) as stream:
        upstream.release("slow", 2)
        next(iter(stream))
        with pytest.raises(openai.RateLimitError):
            ask(client, "Another")
    for _ in range(100):  # the server learns of the closed connection in its own time
        try:
            ask(client, "Another")
        except openai.RateLimitError:
            continue
        break
    else:
        pytest.fail("The place was not given back.")


def test_a_full_server_refuses_early_and_goes_on_with_what_it_has(limited, client_of, upstream):
    client = client_of()
    upstream.script(*({"do": "gate", "name": "full", "text": "one two"} for _ in range(3)))
    answers = []

    def run(number):
        with ask(client, f"Question {number}", stream=True).parse() as stream:
            answers.append(sum(1 for _ in stream))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while len(upstream.requests()) < 3:
        pass
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, "One too many")
    assert (caught.value.status_code, caught.value.code) == (503, "overloaded")
    assert caught.value.response.headers["retry-after"] == "1"
    assert httpx.get(f"{limited.url}/health").status_code == 200
    upstream.release("full", 30)
    for thread in threads:
        thread.join(20)
    assert len(answers) == 3
    ask(client, "Now")


def test_a_limit_is_changed_while_the_server_runs(limited, client_of):
    client = client_of("--requests-per-minute", "1")
    ask(client)
    command = [sys.executable, "-m", "proxy", "keys", "limit", client.api_key[:13], "--requests-per-minute", "100"]
    subprocess.run([*command, "--config", str(limited.config)], check=True, env=clean_environment())
    for _ in range(2000):
        try:
            ask(client)
        except openai.RateLimitError:
            continue
        return
    pytest.fail("The new limit was not taken up.")
