"""`GET /v1/models`: each configured model, and its `:follow` and `:off` forms for clients that can set nothing but a model name.

`NAME@PERSONALITY` is taken too, alone or before such an ending; it is not listed, for personalities are their users' own.

Source: OpenAI API reference, models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from litestar import Request, Router, get
from litestar.params import FromPath

from proxy.api.auth import Gatekeeper
from proxy.domain.placement import Policy
from proxy.errors import ModelNotFound

FORMS: dict[str, Policy] = {":follow": "follow", ":off": "off"}


class Catalogue(Protocol):
    """The configured models."""

    def names(self) -> Sequence[str]: ...


class Named(NamedTuple):
    """What a client asks for by the name of a model."""

    model: str
    """As it is configured."""
    policy: Policy | None
    personality: str | None


def split(model: str, names: Sequence[str]) -> Named:
    """A model's configured name, and what stands behind it.

    Raises:
        ModelNotFound
    """
    if model in names:
        return Named(model, None, None)
    form = next((form for form in FORMS if model.endswith(form)), "")
    whole, policy = model.removesuffix(form), FORMS.get(form)
    if whole in names:
        return Named(whole, policy, None)
    name, _, personality = whole.rpartition("@")  # configured names may have one too
    if personality and name in names:
        return Named(name, policy, personality)
    raise ModelNotFound(model)


def alone(model: str, names: Sequence[str]) -> str:
    """A model's configured name, where no personality can be asked for. Raises ModelNotFound."""
    named = split(model, names)
    if named.personality is not None:
        raise ModelNotFound(model)
    return named.model


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
