"""Requests that nobody would send, by the thousand: `uv run python -m tests.fuzz --requests 20000`.

Two people have something of every kind, marked as theirs. Requests are drawn from the served description (`described.py`) and for the
doors under `/v1` (`bodies.py`) and sent under either key, many of them at the other one's things. No answer may be a failure of ours,
come late, have another shape than is described or hold the other one's marker, and at the end `verify` may find nothing.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings

from proxy.cli.progress import shown
from tests.doubles.served import UPSTREAM_KEY, Served
from tests.fuzz import bodies
from tests.fuzz.described import LONGEST_S, OUR_MODELS, Described
from tests.fuzz.echo import echoing
from tests.fuzz.judge import Answer, Book, judge
from tests.fuzz.people import Somebody

EXAMPLES = 4
"""Of one operation at a time, good ones and as many bad ones; the first that is drawn is always the simplest."""
AT_ONCE = 40
"""Chat requests between two looks at whether what was planted is still there."""


def configured(base_url: str) -> dict[str, object]:
    """A model for each lane, and two that fail."""
    lanes = {"litellm": "litellm", "raw": "raw"}
    entries = [
        {
            "model_name": name,
            "litellm_params": {"model": f"openai/{name}", "api_base": base_url, "api_key": UPSTREAM_KEY},
            "model_info": {"lane": lanes.get(name, "native"), "max_input_tokens": 32_000},
        }
        for name in OUR_MODELS
    ]
    return {"model_list": entries, "routing": {"embedder": "static"}, "upstream": {"breaker_failures": 1_000_000}}


class Fuzz:
    """A served Graft, two people, and the requests that are sent to it."""

    def __init__(self, server: Served, seed: int) -> None:
        self.book = Book()
        self._server = server
        self._chance = random.Random(seed)
        self._http = httpx.Client(base_url=server.url, timeout=LONGEST_S)
        self._people = tuple(
            Somebody(name, server.key(name)[0], f"{name}only{self._chance.randrange(1 << 48):012x}", self._http)
            for name in ("ada", "bob")
        )
        document = self._http.get("/api/docs/openapi.json").json()
        self._described = Described(server.url, document, self.book)

    def run(self, requests: int, tell: Callable[[int], None]) -> None:
        """Send about so many: three of five by the description, the rest to the doors under `/v1`."""
        told = lambda: tell(self.book.requests)  # noqa: E731
        for somebody in self._people:
            somebody.plant()
        labels: list[str] = []
        while self.book.requests < requests:
            if not labels:
                labels = sorted(self._described.operations)
                self._chance.shuffle(labels)
            label, before = labels.pop(), self.book.requests
            self._described.fuzz(label, self._people, EXAMPLES, self._chance, told)
            self._replant(label)
            self._chat((self.book.requests - before) * 2 // 3, told)

    def violations(self) -> list[object]:
        return self._server.violations()

    def close(self) -> None:
        self._http.close()

    def _replant(self, label: str = "DELETE") -> None:
        if label.startswith("DELETE"):
            for somebody in self._people:
                if somebody.has_lost():
                    somebody.plant()

    def _chat(self, number: int, told: Callable[[], None]) -> None:
        """So many requests to the doors under `/v1`."""
        for begun in range(0, number, AT_ONCE):
            ids = tuple(one for somebody in self._people for kind in somebody.ids.values() for one in kind)

            @seed(self._chance.randrange(1 << 32))
            @settings(
                max_examples=min(AT_ONCE, number - begun),
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(drawn=bodies.requests(ids))
            def each(drawn: bodies.Drawn) -> None:
                self._send(drawn)
                told()

            each()
            self._replant()

    def _send(self, drawn: bodies.Drawn) -> None:
        asking, other = self._chance.sample(self._people, 2)
        method, path = drawn.label.split(" ")
        headers = [(name, value.encode("utf-8", "replace")) for name, value in drawn.headers]
        given = {name for name, _ in headers}
        told = {"content-type": "application/json", **asking.headers}
        headers += [(name, value.encode()) for name, value in told.items() if name not in given]
        request = f"{drawn.label} {drawn.headers} {drawn.body!r}"
        try:
            response = self._http.request(method, path, content=drawn.body, headers=headers)
        except httpx.TimeoutException:
            self.book.note("No answer in time", drawn.label, "", request)
            return
        except httpx.LocalProtocolError:
            self.book.sent["not sendable"] += 1
            return
        answer = Answer(response.status_code, response.headers, response.content)
        may_fail = drawn.model in bodies.FAILING
        judge(self.book, drawn.label, request, answer, other.marker, may_fail=may_fail)


@click.command()
@click.option("--requests", default=20_000, show_default=True)
@click.option("--seed", type=int, help="Of all that is drawn by lot; printed where none is given.")
@click.option("--keep", type=click.Path(path_type=Path, file_okay=False), help="An empty folder for database and log.")
def main(requests: int, seed: int | None, keep: Path | None) -> None:
    """Fuzz a server, and fail where an answer is not as it should be."""
    seed = random.SystemRandom().randrange(1 << 32) if seed is None else seed
    click.echo(f"Seed {seed}", err=True)
    with tempfile.TemporaryDirectory(prefix="graft-fuzz-") as passing, echoing() as upstream:
        folder = keep or Path(passing)
        folder.mkdir(exist_ok=True)
        server = Served(folder, upstream, configured(upstream.base_url))
        server.start()
        try:
            fuzz = Fuzz(server, seed)
            with shown("Requests", requests) as tell:
                fuzz.run(requests, tell)
            violations = fuzz.violations()
            fuzz.close()
        finally:
            server.stop()
    click.echo(f"{fuzz.book.requests} requests: " + ", ".join(f"{n} {of}" for of, n in sorted(fuzz.book.sent.items())))
    if fuzz.book.found or violations:
        raise click.ClickException(f"{fuzz.book.told()}\nverify: {violations}")
    click.echo("Nothing found, and verify finds nothing.")


if __name__ == "__main__":
    main()
