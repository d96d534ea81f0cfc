"""The OpenAPI document, made from the operations that are served, so that it cannot say anything else (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from .. import __version__
from .operation import Operation, Parameter
from .problem import MEDIA_TYPE

__all__ = ["describe"]

_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "worker": {"type": "string"},
        "rules": {"type": "array", "items": {"type": "object"}},
    },
}


def describe(operations: Iterable[Operation], *, title: str, url: str) -> dict[str, Any]:
    """Build the document."""
    rows = tuple(operations)
    bodies = list(dict.fromkeys(a.body for row in rows for a in row.answers if a.body is not None))
    references, components = msgspec.json.schema_components(bodies, ref_template="#/components/schemas/{name}")
    schemas = dict(zip(bodies, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": __version__},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM, **components},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt (RFC 9068)"}},
        },
    }


def _operation(row: Operation, schemas: dict[Any, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": row.name,
        "summary": row.summary,
        "responses": {str(a.status): _answer(a.text, a.media_type, schemas.get(a.body)) for a in row.answers},
    }
    if row.takes:
        made["requestBody"] = {"required": True, "content": {t.media_type: {"schema": t.schema} for t in row.takes}}
    if row.parameters:
        made["parameters"] = [_parameter(parameter) for parameter in row.parameters]
    if row.secured:
        made["security"] = [{"token": []}]
    return made


def _answer(text: str, media_type: str, schema: Any) -> dict[str, Any]:
    if media_type == MEDIA_TYPE:
        schema = {"$ref": "#/components/schemas/Problem"}
    content = {"content": {media_type: {"schema": schema or {}}}} if media_type else {}
    return {"description": text, **content}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.text,
        "required": parameter.required or parameter.place == "path",
        "schema": {"type": "string"},
    }
