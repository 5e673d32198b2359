"""Examples for an OpenAPI document, made from those of its fields: one for each body that is sent or answered.

A field shows its own example, else its constant, its first choice or its default; an object shows all its fields that have something
to show, and those that it must have. So an example says what its schema says, and cannot fall behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final

_MISSING: Final = object()
_PLAIN: Final[Mapping[str, Any]] = {"string": "text", "integer": 1, "number": 1.0, "boolean": True, "null": None}


def with_examples(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with an `example` beside every schema of a body; what has one already keeps it."""
    filled = deepcopy(dict(document))
    schemas = filled.get("components", {}).get("schemas", {})
    for operations in filled["paths"].values():
        for operation in operations.values():
            for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
                for content in holder.get("content", {}).values():
                    _fill(content, schemas)
    return filled


def _fill(content: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    named = content.pop("examples", None)
    if named:
        content["example"] = next(iter(named.values()))["value"]
    elif "example" not in content:
        content["example"] = _example(content["schema"], schemas)


def _example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that the schema describes."""
    found = _told(schema)
    if found is not _MISSING:
        return found
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for choices in ("oneOf", "anyOf", "allOf"):
        if choices in schema:
            return _example(
                next((one for one in schema[choices] if one.get("type") != "null"), schema[choices][0]), schemas
            )
    match schema.get("type"):
        case "object":
            return _object(schema, schemas)
        case "array":
            return [_example(schema["items"], schemas)]
        case kind:
            return schema["default"] if "default" in schema else _PLAIN.get(str(kind), "text")


def _object(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> dict[str, Any]:
    required = schema.get("required", ())
    return {
        name: _example(field, schemas)
        for name, field in schema.get("properties", {}).items()
        if name in required or _told(field) is not _MISSING or "$ref" in field or field.get("type") == "array"
    }


def _told(schema: Mapping[str, Any]) -> Any:
    """What a schema shows of itself."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    return _MISSING
