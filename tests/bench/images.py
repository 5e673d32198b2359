"""Whether a turn costs more once much is stored: `python -m tests.bench.images`, on Linux.

One conversation in which every turn brings a picture of its own. The client sends its last exchanges with each turn, as clients do that
let old pictures go, so requests stay of one size while what is stored grows.
"""

from __future__ import annotations

import base64
import json
import random
import sys
import tempfile
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

import click

from tests.bench import texts
from tests.bench.processes import Process, cores, free_port
from tests.bench.rows import all_rows
from tests.bench.servers import MODEL, Place, Server

KEPT = 5
"""Messages that the client sends: the new turn, and two exchanges."""


@click.command()
@click.option("--mb", default=100, help="Base64 in all.")
@click.option("--each", default=2.0, help="Megabytes of base64 a picture.")
def main(mb: int, each: float) -> None:
    """Print CPU time a turn by what was stored before."""
    tested, others = cores()
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="graft-bench-") as folder:
        upstream = Process([sys.executable, "-m", "tests.bench.upstream", str(port)], others, Path(folder, "up.log"))
        try:
            upstream.cpu_until(f"http://127.0.0.1:{port}/")
            row = next(row for row in all_rows() if row.name == "native-follow-100")
            server = row.start(Place(Path(folder), tested, port, 1))
            try:
                spent = turns(server, round(mb / each), each)
            finally:
                server.process.stop()
        finally:
            upstream.stop()
    step = max(1, len(spent) // 5)
    for begin in range(0, len(spent) - step + 1, step):
        block = spent[begin : begin + step]
        click.echo(
            f"{begin * each:6.0f} to {(begin + step) * each:4.0f} MB stored: {median(block) * 1000:6.1f} ms CPU a turn"
        )


def turns(server: Server, count: int, each: float) -> list[float]:
    """CPU seconds of each turn."""
    chance, said, spent = random.Random(5), list[dict[str, Any]](), []
    connection = HTTPConnection("127.0.0.1", server.port)
    headers = {
        "authorization": f"Bearer {server.key}",
        "x-graft-user": server.users[0],
        "content-type": "application/json",
    }
    for _ in range(count):
        picture = base64.b64encode(b"\x89PNG\r\n\x1a\n" + chance.randbytes(int(each * 750_000))).decode()
        content = [
            {"type": "text", "text": texts.ask(chance, "garden")},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
        ]
        said = [*said, {"role": "user", "content": content}][-KEPT:]
        server.process.quiet()
        before = server.process.cpu_s()
        connection.request("POST", "/v1/chat/completions", json.dumps({"model": MODEL, "messages": said}), headers)
        answer = json.loads(connection.getresponse().read())
        said.append(answer["choices"][0]["message"])
        server.process.quiet()
        spent.append(server.process.cpu_s() - before)
    connection.close()
    return spent


if __name__ == "__main__":
    main()
