"""The worker is for anyone who can reach it; its configuration must have spelled that out (DESIGN safety rule 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undersign.signing.request import MAKER, Permit, SigningRequest

__all__ = ["NAME", "Anyone"]

NAME: Final = "anyone"


@dataclass(frozen=True, slots=True)
class Anyone:
    """No condition at all."""

    def authorize(self, request: SigningRequest, now: float) -> Permit:  # noqa: ARG002 - the Protocol's argument
        """Permit the request; a token, if one was sent, is neither needed nor looked at."""
        return Permit(MAKER, worker=request.worker, request_id=request.request_id, caller=None, rule=NAME)
