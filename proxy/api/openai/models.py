"""`GET /v1/models`: each configured model, and its `:follow` and `:off` forms for clients that can set nothing but a model name.

Source: OpenAI API reference, models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from litestar import Request, Router, get
from litestar.params import FromPath

from proxy.api.auth import Gatekeeper
from proxy.domain.placement import Policy
from proxy.errors import ModelNotFound

FORMS: dict[str, Policy] = {":follow": "follow", ":off": "off"}


class Catalogue(Protocol):
    """The configured models."""

    def names(self) -> Sequence[str]: ...


def split(model: str, names: Sequence[str]) -> tuple[str, Policy | None]:
    """A model's configured name and the policy that its form asks for.

    Raises:
        ModelNotFound
    """
    if model in names:
        return model, None
    for form, policy in FORMS.items():
        if model.endswith(form) and model.removesuffix(form) in names:
            return model.removesuffix(form), policy
    raise ModelNotFound(model)


def described(model: str, created: int) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": created, "owned_by": "graft"}


def router(gatekeeper: Gatekeeper, models: Catalogue, started_at: int) -> Router:
    """The two routes over a catalogue."""

    @get("/")
    async def list_models(request: Request[Any, Any, Any]) -> dict[str, Any]:
        await gatekeeper.caller(request)
        forms = ["", *FORMS]
        return {
            "object": "list",
            "data": [described(name + form, started_at) for name in models.names() for form in forms],
        }

    @get("/{model:path}")
    async def get_model(request: Request[Any, Any, Any], model: FromPath[str]) -> dict[str, Any]:
        await gatekeeper.caller(request)
        name = model.lstrip("/")
        split(name, models.names())
        return described(name, started_at)

    return Router("/v1/models", route_handlers=[list_models, get_model])
