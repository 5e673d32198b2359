"""A real OpenAI-shaped server for tests, with scripted behaviour: `python tests/doubles/upstream.py` prints its port.

It answers `/v1/chat/completions`, `/v1/completions`, `/v1/embeddings` and `/v1/models`. What it does with a chat request is told in
`scripts.py`; the other two know `status` only. Beside that it has a back door for tests:

    POST /_script     {"behaviours": [{"do": "say", "text": "yes"}, ...]}: used up in order; `model` narrows one to a model,
                      `times` uses it more than once
    POST /_release    {"gate": "name", "chunks": 1}: lets a gated stream send so many chunks more
    GET  /_requests   every request to a model since the last reset: path, headers, body, and how its answer ended
    GET  /_began/N    waits until request N has come
    GET  /_ended/N    waits until the answer to request N has ended: `finished`, or `left` when the client went first
    POST /_reset      forgets everything

As OpenAI does, it counts cached prompt tokens: those of the longest list of messages that it has seen at the head of an
earlier request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a file, from any folder

from tests.doubles import scripts
from tests.doubles.scripts import Json

MODELS = ["gpt-double", "gpt-double-mini", "small-double"]
CREATED = 1_750_000_000


@dataclass
class Book:
    """What the server was told and what it saw."""

    queue: list[Json] = field(default_factory=list)
    requests: list[Json] = field(default_factory=list)
    began: dict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    ended: dict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    gates: dict[str, asyncio.Semaphore] = field(default_factory=lambda: defaultdict(lambda: asyncio.Semaphore(0)))
    prefixes: set[str] = field(default_factory=set)

    def behaviour(self, body: Json) -> Json:
        for queued in self.queue:
            if queued.get("model") in (None, body.get("model")):
                queued["times"] = queued.get("times", 1) - 1
                if queued["times"] <= 0:
                    self.queue.remove(queued)
                return queued
        return scripts.behaviour_of(body)

    def usage(self, messages: list[Json], reply: Json) -> Json:
        sizes = [scripts.count(json.dumps(message)) for message in messages]
        marks = [scripts.context_mark(messages[: i + 1]) for i in range(len(messages))]
        cached = sum(size for size, mark in zip(sizes, marks, strict=True) if mark in self.prefixes)
        self.prefixes.update(marks)
        completion = scripts.count(json.dumps(reply.get("tool_calls") or reply.get("content") or reply.get("refusal")))
        return {
            "prompt_tokens": sum(sizes),
            "completion_tokens": completion,
            "total_tokens": sum(sizes) + completion,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


BOOK = web.AppKey("book", Book)


async def chat(request: web.Request) -> web.StreamResponse:
    book, body = request.app[BOOK], await request.json()
    entry = noted(book, request, body)
    number = entry["number"]
    try:
        response = await answer(request, book, body)
        entry["ended"] = "finished"
    except (asyncio.CancelledError, ConnectionError):
        entry["ended"] = "left"
        raise
    finally:
        book.ended[number].set()
    return response


def noted(book: Book, request: web.Request, body: Json) -> Json:
    number = len(book.requests)
    entry: Json = {
        "number": number,
        "path": request.path_qs,
        "headers": dict(request.headers),
        "body": body,
        "ended": None,
    }
    book.requests.append(entry)
    book.began[number].set()
    return entry


async def embeddings(request: web.Request) -> web.Response:
    """Vectors of two numbers: the length of a text, and its place in the list."""
    book, body = request.app[BOOK], await request.json()
    noted(book, request, body)
    if (behaviour := book.behaviour(body))["do"] == "status":
        return failure(request, behaviour)
    texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
    data = [{"object": "embedding", "index": i, "embedding": [len(text), i]} for i, text in enumerate(texts)]
    usage = {"prompt_tokens": 7, "total_tokens": 7}
    return web.json_response({"object": "list", "data": data, "model": body["model"], "usage": usage, "extra": "kept"})


async def completions(request: web.Request) -> web.StreamResponse:
    """The prompt said again, a word a chunk."""
    book, body = request.app[BOOK], await request.json()
    noted(book, request, body)
    if (behaviour := book.behaviour(body))["do"] == "status":
        return failure(request, behaviour)
    envelope = {"id": "cmpl-double", "object": "text_completion", "created": CREATED, "model": body["model"]}
    pieces = str(body["prompt"]).split(" ") if body.get("stream") else [str(body["prompt"])]
    ends = ["stop" if i == len(pieces) - 1 else None for i in range(len(pieces))]
    made = [
        {**envelope, "choices": [{"text": piece, "index": 0, "logprobs": None, "finish_reason": end}]}
        for piece, end in zip(pieces, ends, strict=True)
    ]
    if not body.get("stream"):
        return web.json_response(made[0])
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for chunk in made:
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response


async def answer(request: web.Request, book: Book, body: Json) -> web.StreamResponse:
    behaviour = book.behaviour(body)
    do = behaviour["do"]
    if do == "hang":
        await asyncio.Event().wait()
    if do == "status":
        return failure(request, behaviour)
    if do == "flood":
        return await flood(request, book, body, behaviour)
    if do == "bytes":
        return await verbatim(request, book, behaviour)
    if do == "slow":
        await asyncio.sleep(float(behaviour.get("delay_s", 0.05)))
    if body.get("stream"):
        return await stream(request, book, body, behaviour)
    if do in ("cut", "eof"):
        return await beginning(request)
    if do == "gate":
        await book.gates[behaviour["name"]].acquire()
    return web.json_response(behaviour.get("whole") or whole(book, body, behaviour), headers=rate_limits())


def failure(request: web.Request, behaviour: Json) -> web.Response:
    status = int(behaviour["code"])
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    headers = {**rate_limits(), "x-request-id": "req_double"}
    if status in (429, 503) or "retry_after" in behaviour:
        headers["retry-after"] = str(behaviour.get("retry_after", 7))
    return web.json_response(behaviour.get("body") or scripts.error_body(status, key), status=status, headers=headers)


def rate_limits() -> dict[str, str]:
    return {"x-ratelimit-limit-requests": "100", "x-ratelimit-remaining-requests": "99"}


def whole(book: Book, body: Json, behaviour: Json) -> Json:
    message = scripts.reply_message(body, behaviour)
    choice = {"message": message, "logprobs": None, "finish_reason": scripts.finish_reason(message)}
    return {
        "id": f"chatcmpl-{scripts.context_mark(body['messages'])}",
        "object": "chat.completion",
        "created": CREATED,
        "model": f"{body['model']}-2026-01-01",
        "choices": [{"index": index, **choice} for index in range(body.get("n") or 1)],
        "usage": book.usage(body["messages"], message),
        "service_tier": "default",
        "system_fingerprint": "fp_double",
    }


def chunks(book: Book, body: Json, behaviour: Json) -> list[Json]:
    message = scripts.reply_message(body, behaviour)
    envelope = whole(book, body, behaviour)
    usage = envelope.pop("usage")
    wants_usage = (body.get("stream_options") or {}).get("include_usage")
    head = {**envelope, "object": "chat.completion.chunk"} | ({"usage": None} if wants_usage else {})
    ends = [({}, scripts.finish_reason(message))]
    pieces = [(delta, None) for delta in scripts.deltas(message)] + ends
    made = [
        {**head, "choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for delta, reason in pieces
        for index in range(body.get("n") or 1)
    ]
    return [*made, {**head, "choices": [], "usage": usage}] if wants_usage else made


async def stream(request: web.Request, book: Book, body: Json, behaviour: Json) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream; charset=utf-8", **rate_limits()})
    await response.prepare(request)
    made = behaviour["chunks"] if behaviour["do"] == "chunks" else chunks(book, body, behaviour)
    async for chunk in paced(request, book, behaviour, made):
        await response.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    if behaviour["do"] not in ("eof", "error"):
        await response.write(b"data: [DONE]\n\n")
    await response.write_eof()
    return response


async def verbatim(request: web.Request, book: Book, behaviour: Json) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream", **behaviour.get("headers", {})})
    await response.prepare(request)
    for piece in behaviour["pieces"]:
        if "name" in behaviour:
            await book.gates[behaviour["name"]].acquire()
        await response.write(piece.encode("latin-1"))
    await response.write_eof()
    return response


async def flood(request: web.Request, book: Book, body: Json, behaviour: Json) -> web.StreamResponse:
    """An answer without end, as fast as it is taken."""
    entry = book.requests[-1]
    entry["sent"] = 0
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    text = "flood " * (int(behaviour.get("kb", 64)) * 1024 // 6)
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    chunk = {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": body["model"],
        "choices": [choice],
    }
    frame = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    while True:
        await response.write(frame)
        await asyncio.sleep(0)
        entry["sent"] += 1


async def paced(request: web.Request, book: Book, behaviour: Json, made: list[Json]) -> AsyncIterator[Json]:
    do, after = behaviour["do"], int(behaviour.get("after", 2))
    for position, chunk in enumerate(made):
        if do in ("cut", "eof", "error", "stall") and position == after:
            break
        if do == "gate":
            await book.gates[behaviour["name"]].acquire()
        if do == "slow":
            await asyncio.sleep(float(behaviour.get("delay_s", 0.05)))
        yield chunk
    match do:
        case "cut":
            await asyncio.sleep(0.05)  # what was written must reach the client before the reset does
            break_off(request)
        case "error":
            yield scripts.error_body(500)
        case "stall":
            await asyncio.Event().wait()


async def beginning(request: web.Request) -> web.StreamResponse:
    """The first bytes of a plain answer, and no more."""
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": "1000"})
    await response.prepare(request)
    await response.write(b'{"id":')
    await asyncio.sleep(0.05)  # what was written must reach the client before the reset does
    break_off(request)
    return response


def break_off(request: web.Request) -> None:
    """Close the connection where it stands: the body's promised end never comes."""
    if request.transport is not None:
        request.transport.abort()
    raise ConnectionResetError("scripted")


async def models(_: web.Request) -> web.Response:
    listed = [{"id": name, "object": "model", "created": CREATED, "owned_by": "double"} for name in MODELS]
    return web.json_response({"object": "list", "data": listed})


async def model(request: web.Request) -> web.Response:
    name = request.match_info["name"]
    if name not in MODELS:
        return web.json_response(scripts.error_body(404), status=404)
    return web.json_response({"id": name, "object": "model", "created": CREATED, "owned_by": "double"})


async def script(request: web.Request) -> web.Response:
    request.app[BOOK].queue += (await request.json())["behaviours"]
    return web.json_response({})


async def release(request: web.Request) -> web.Response:
    told = await request.json()
    for _ in range(told.get("chunks", 1)):
        request.app[BOOK].gates[told["gate"]].release()
    return web.json_response({})


async def requests(request: web.Request) -> web.Response:
    return web.json_response(request.app[BOOK].requests)


async def began(request: web.Request) -> web.Response:
    await request.app[BOOK].began[int(request.match_info["number"])].wait()
    return web.json_response({})


async def ended(request: web.Request) -> web.Response:
    book, number = request.app[BOOK], int(request.match_info["number"])
    await book.ended[number].wait()
    return web.json_response(book.requests[number]["ended"])


async def reset(request: web.Request) -> web.Response:
    book, fresh = request.app[BOOK], Book()
    for name in ("queue", "requests", "began", "ended", "gates", "prefixes"):
        setattr(book, name, getattr(fresh, name))
    return web.json_response({})


def create() -> web.Application:
    app = web.Application(client_max_size=64 * 2**20)
    app[BOOK] = Book()
    app.add_routes(
        [
            web.post("/v1/chat/completions", chat),
            web.post("/v1/completions", completions),
            web.post("/v1/embeddings", embeddings),
            web.get("/v1/models", models),
            web.get("/v1/models/{name}", model),
            web.post("/_script", script),
            web.post("/_release", release),
            web.get("/_requests", requests),
            web.get("/_began/{number}", began),
            web.get("/_ended/{number}", ended),
            web.post("/_reset", reset),
        ]
    )
    return app


async def main() -> None:
    runner = web.AppRunner(create(), handler_cancellation=True, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.read)  # the parent's end closes standard input, however it ends
    os._exit(0)  # hanging answers are waited for by nobody


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
