"""A provider that takes whatever it is sent and says it again, so that what reaches a model can be searched for in its reply.

The model's name tells what it does besides: `broken` answers 500, `gone` hangs up, every other one says the end of the request.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from tests.doubles.running import UpstreamDouble

MOST = 4000
"""Characters of a request that are said again."""
BROKEN, GONE = "broken", "gone"


async def answer(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    try:
        asked = json.loads(body)
        model, stream = asked.get("model"), bool(asked.get("stream"))
    except (ValueError, AttributeError):
        return web.json_response({"error": {"message": "This is no JSON object."}}, status=400)
    if model == BROKEN:
        return web.json_response({"error": {"message": "Broken, as ever.", "type": "server_error"}}, status=500)
    if model == GONE:
        assert request.transport is not None
        request.transport.abort()
        raise ConnectionResetError
    said = {"role": "assistant", "content": body[-MOST:].decode("utf-8", "replace")}
    frame = {"id": "echo", "created": 1, "model": "echo"}
    if not stream:
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        return web.json_response({**frame, "object": "chat.completion", "choices": [choice]})
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for delta, reason in ((said, None), ({}, "stop")):
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {**frame, "object": "chat.completion.chunk", "choices": [choice]}
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response


@contextmanager
def echoing() -> Iterator[UpstreamDouble]:
    """The provider on a thread of its own; its handle knows its address, and nothing of scripts."""
    loop = asyncio.new_event_loop()
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port: int = runner.addresses[0][1]
        return port

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield UpstreamDouble(asyncio.run_coroutine_threadsafe(start(), loop).result())
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
