"""Who may use a worker: one file per kind of authorizer, one line each in this table."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from undersign.signing.request import Permit, SigningRequest

from . import anyone, rules
from .anyone import Anyone
from .rules import Rules

__all__ = ["KINDS", "Anyone", "Authorizer", "Rules"]


class Authorizer(Protocol):
    """Decides whether this caller may use this worker for this request."""

    def authorize(self, request: SigningRequest, now: float) -> Permit:
        """Permit the request.

        Raises:
            AccessError: It is not permitted; the class says why.
        """


KINDS: Final[Mapping[str, type[Authorizer]]] = MappingProxyType({rules.NAME: Rules, anyone.NAME: Anyone})
