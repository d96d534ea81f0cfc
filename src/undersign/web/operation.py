"""One operation of an API: where it is, what it takes, what it answers; routes and OpenAPI come from these rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from .exchange import Reply, Request

__all__ = ["Answer", "Endpoint", "Operation", "Parameter", "Takes"]

Endpoint = Callable[[Request], Awaitable[Reply]]


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its status, media type and, for JSON, the class of its body."""

    status: int
    text: str
    media_type: str = ""
    body: Any = None


@dataclass(frozen=True, slots=True)
class Takes:
    """One kind of body that an operation takes; ``schema`` is JSON Schema."""

    media_type: str
    schema: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter in the path, the query or a header."""

    name: str
    place: str
    text: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """One method at one address.

    Attributes:
        secured: Whether it takes a bearer token.
    """

    name: str
    method: str
    path: str
    summary: str
    endpoint: Endpoint
    answers: tuple[Answer, ...]
    takes: tuple[Takes, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    secured: bool = False
