"""`graft demo`: a real server, a real client, a conversation that hops between topics, and the tree it grows into."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from proxy.cli.common import config_option
from proxy.cli.scene import SCENE, Line, hits, read_stream
from proxy.domain.drawing import shorten
from proxy.domain.tree import UserId
from proxy.errors import ConfigError

if TYPE_CHECKING:
    from openai import OpenAI, Stream
    from openai.types.chat import ChatCompletionChunk

START_S = 120
ROUTE_STYLES = {"continue": "green", "return": "cyan", "fork": "yellow", "root": "magenta"}


@dataclass
class Played:
    """One turn as Graft answered it."""

    line: Line
    node: str
    parent: str
    route: str
    confidence: float
    reason: str
    sent: int
    linear: int
    overhead_ms: float


@dataclass
class Chat:
    """A client as chat frontends are: one list of messages, sent again whole with every turn."""

    client: OpenAI
    model: str
    history: list[dict[str, str]] = field(default_factory=list)

    def say(self, line: Line) -> Played:
        """Send one turn, streaming, and read the answer to its end."""
        if line.edits:
            del self.history[-2:]
        self.history.append({"role": "user", "content": line.text})
        raw = self.client.chat.completions.with_raw_response.create(
            model=self.model,
            messages=self.history,  # type: ignore[arg-type]
            stream=True,
        )
        chunks: Stream[ChatCompletionChunk] = raw.parse()  # type: ignore[assignment]
        pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
        self.history.append({"role": "assistant", "content": "".join(pieces)})
        told = raw.headers
        sent = int(told["x-graft-context-tokens"])
        return Played(
            line=line,
            node=told["x-graft-node"],
            parent=told["x-graft-parent"],
            route=told["x-graft-route"],
            confidence=float(told["x-graft-confidence"]),
            reason=told["x-graft-reason"],
            sent=sent,
            linear=sum(4 + -(-len(message["content"]) // 4) for message in self.history[:-1]),
            overhead_ms=float(told["x-graft-overhead-ms"]),
        )


@click.command()
@config_option
@click.option("--model", help="A model of your configuration or provider keys; else the offline stand-in `mirror`.")
@click.option(
    "--stream", "stream_file", type=click.Path(dir_okay=False, path_type=Path), help="Play a benchmark stream."
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of the server; any free one by default.")
@click.option("--exit", "ends", is_flag=True, help="Stop the server when the conversation is over.")
def demo(config_file: str | None, model: str | None, stream_file: Path | None, port: int, ends: bool) -> None:
    """Play a conversation that hops between topics and watch it grow into a tree."""
    scene = read_stream(stream_file) if stream_file else SCENE
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="graft-demo-"))
    with _server(console, folder, config_file, port, use_mirror=model is None) as (url, process):
        chat = Chat(_client(url), model or "mirror")
        _check_model(chat)
        played = _play(console, chat, scene)
        _sum_up(console, scene, played, folder / "graft.db", chat.model)
        if not ends:
            _leave_running(console, url, chat.model, process)


def _client(url: str) -> OpenAI:
    from openai import OpenAI

    return OpenAI(base_url=f"{url}/v1", api_key="demo", timeout=600, max_retries=0)


def _check_model(chat: Chat) -> None:
    known = [model.id for model in chat.client.models.list()]
    if chat.model not in known:
        raise ConfigError(f"The server knows no model {chat.model!r}. It knows: {', '.join(known)}.")


@contextmanager
def _server(
    console: Console, folder: Path, config_file: str | None, port: int, *, use_mirror: bool
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`graft serve` in a process of its own on a fresh database; stopped when the demo ends."""
    env = {**os.environ, "GRAFT__STORAGE__URL": f"sqlite:///{folder / 'graft.db'}", "GRAFT__ROUTING__POLICY": "auto"}
    if use_mirror:
        env["GRAFT__MODEL_LIST"] = '[{"model_name": "mirror", "litellm_params": {"model": "mirror"}}]'
        env["GRAFT__ROUTING__MODEL"] = "null"
    command = [sys.executable, "-m", "proxy", "serve", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--config", config_file] if config_file else []
    log_file = folder / "server.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log)  # noqa: S603
    try:
        with console.status("Starting the server…"):
            yield _address(process, log_file), process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(process: subprocess.Popen[bytes], log_file: Path) -> str:
    """Where the server listens, once it is ready."""
    deadline = time.monotonic() + START_S
    url = ""
    while time.monotonic() < deadline and process.poll() is None:
        found = [line for line in log_file.read_text(encoding="utf-8").splitlines() if "Graft listens on " in line]
        url = found[0].rpartition(" ")[2] if found else ""
        if url and _is_ready(url):
            return url
        time.sleep(0.1)
    raise ConfigError("The server did not start:\n" + log_file.read_text(encoding="utf-8")[-2000:])


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=5) as response:  # noqa: S310
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _play(console: Console, chat: Chat, scene: Sequence[Line]) -> list[Played]:
    """Play the scene, with progress and the growing tree on the screen."""
    progress = Progress(
        TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    task = progress.add_task("Talking", total=len(scene))
    played: list[Played] = []
    with Live(console=console, refresh_per_second=8, vertical_overflow="crop") as live:
        for line in scene:
            live.update(Group(progress, Text(f"> {line.text}", style="bold"), _last(played)))
            played.append(chat.say(line))
            progress.advance(task)
            live.console.print(_told(len(played), played[-1]))
        live.update(Group(progress))
    console.print(draw(played))
    return played


def _told(number: int, turn: Played) -> Text:
    style = ROUTE_STYLES.get(turn.route, "white")
    told = Text(f"{number:3} ")
    told.append(f"{turn.route:9}", style=style)
    told.append(f"{turn.confidence:4.0%}  ")
    told.append(shorten(turn.line.text, 58).ljust(60))
    told.append(turn.reason, style="dim")
    return told


def _last(played: Sequence[Played]) -> Text | Tree:
    return draw(played[-12:]) if played else Text("")


def draw(played: Sequence[Played]) -> Tree:
    """The turns as a tree; a turn whose parent is not among them hangs from the top."""
    top = Tree("[bold]main[/bold]")
    branches: dict[str, Tree] = {}
    for turn in played:
        style = ROUTE_STYLES.get(turn.route, "white")
        label = Text(shorten(turn.line.text))
        label.append(f"  {turn.route} {turn.confidence:.0%}", style=style)
        branches[turn.node] = branches.get(turn.parent, top).add(label)
    return top


def _sum_up(console: Console, scene: Sequence[Line], played: Sequence[Played], database: Path, model: str) -> None:
    from proxy.cli.common import opened
    from proxy.config import Settings, StorageSettings

    index = {turn.node: number for number, turn in enumerate(played)}
    right = hits(scene, [index.get(turn.parent) for turn in played])
    sent, linear = sum(turn.sent for turn in played), sum(turn.linear for turn in played)

    async def look() -> tuple[int, list[Any]]:
        settings = Settings(storage=StorageSettings(url=f"sqlite:///{database}"))
        async with opened(settings) as store:
            user_id = UserId("local")
            nodes = sum([len(await store.structure(user_id, tree.id)) for tree in await store.trees(user_id)])
            return nodes, list(await store.verify())

    import asyncio

    nodes, violations = asyncio.run(look())
    table = Table(show_header=False, box=None)
    table.add_row("nodes stored", f"{nodes}")
    table.add_row("turns where a person would put them", f"{right} of {len(played)}")
    table.add_row("tokens sent", f"{sent:,} of {linear:,} if every turn re-sent the whole chat")
    table.add_row("tokens saved", f"[bold green]{1 - sent / linear:.0%}[/bold green]")
    table.add_row(
        "time inside Graft", f"{sorted(t.overhead_ms for t in played)[len(played) // 2]:.0f} ms a turn (median)"
    )
    table.add_row(
        "graft verify", "[green]sound[/green]" if not violations else f"[red]{len(violations)} violations[/red]"
    )
    if model == "mirror":
        table.add_row("answers by", "mirror, a stand-in that only tells what it was sent; try --model with a real one")
    console.print(table)
    if violations:
        raise ConfigError(f"graft verify found {len(violations)} violations, the first: {violations[0]}")


def _leave_running(console: Console, url: str, model: str, process: subprocess.Popen[bytes]) -> None:
    console.print(f"\nThe server goes on at [bold]{url}[/bold] until you press Ctrl-C. Try it from another terminal:\n")
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "How do I revive a starter?"}}]}}'
    lines = f"curl -i {url}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'\n\n"
    lines += f"export OPENAI_BASE_URL={url}/v1 OPENAI_API_KEY=anything"
    console.print(lines, markup=False, highlight=False, soft_wrap=True)
    try:
        process.wait()
    except KeyboardInterrupt:
        console.print("\nStopped.")
