"""The JSON bodies that our own APIs answer with; the OpenAPI document is made from these classes."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Health", "KeyDescription", "SignAnswer", "WorkerDescription", "WorkerList"]


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """The key that signed or signs."""

    kid: str
    alg: str
    version: int


@dataclass(frozen=True, slots=True)
class SignAnswer:
    """What a worker made, and the receipt for it."""

    result: str
    format: str
    media_type: str
    detached: bool
    key: KeyDescription
    request_id: str
    receipt: str


@dataclass(frozen=True, slots=True)
class WorkerDescription:
    """A worker, as a caller who may see it sees it."""

    name: str
    format: str
    type: str
    bind: str
    detached_from: int
    key: KeyDescription
    sign: str
    jwks: str


@dataclass(frozen=True, slots=True)
class WorkerList:
    """The workers that the token's issuer may see."""

    workers: list[WorkerDescription]


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the process serves, and what its last look at its own parts found."""

    status: str
    checks: dict[str, str]
