"""The least that a Python proxy over LiteLLM can do: `litellm.acompletion` behind Litestar, nothing stored, no keys."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from typing import Any

import litellm
import uvicorn
from litestar import Litestar, Request, Response, get, post
from litestar.response import Stream


@get(["/health", "/ready"])
async def health() -> dict[str, str]:
    return {"status": "ok"}


@post("/v1/chat/completions", status_code=200)
async def complete(request: Request[Any, Any, Any]) -> Response[Any]:
    body = json.loads(await request.body())
    body["model"] = f"openai/{body['model']}"
    answer = await litellm.acompletion(**body, api_base=os.environ["UPSTREAM"], api_key="sk-upstream")
    if body.get("stream"):
        return Stream(_frames(answer), media_type="text/event-stream")
    return Response(answer.model_dump_json().encode(), media_type="application/json")


async def _frames(chunks: Any) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        yield b"data: %b\n\n" % chunk.model_dump_json(exclude_none=True).encode()
    yield b"data: [DONE]\n\n"


if __name__ == "__main__":
    app = Litestar([health, complete], openapi_config=None)
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
