"""The worker is for callers of named issuers whose claims meet a named rule (safety rules 15 and 17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undersign.access.rules import Facts, Rule, allow_any
from undersign.errors import ExpiredTokenError, UnauthenticatedError, UnknownWorkerError
from undersign.signing.request import MAKER, Permit, SigningRequest

__all__ = ["NAME", "Rules"]

NAME: Final = "rules"


@dataclass(frozen=True, slots=True)
class Rules:
    """Named issuers, and rules of which one must hold.

    Attributes:
        issuers: The configured names of the issuers whose tokens count here.
    """

    issuers: frozenset[str]
    rules: tuple[Rule, ...]

    def authorize(self, request: SigningRequest, now: float) -> Permit:
        """Permit the request.

        Raises:
            UnauthenticatedError: There is no token.
            UnknownWorkerError: The token's issuer is none of this worker's; to its callers the worker does not exist.
            ExpiredTokenError: The token ended while the document was on its way.
            RuleDeniedError: No rule holds.
        """
        caller = request.caller
        if caller is None:
            raise UnauthenticatedError("There is no token.")
        if caller.issuer not in self.issuers:
            raise UnknownWorkerError("There is no such worker.")
        if now >= caller.expires_at:
            raise ExpiredTokenError("exp", "The token has expired.")
        report = allow_any(self.rules, Facts(caller.claims, request.meta(), now))
        return Permit(MAKER, worker=request.worker, request_id=request.request_id, caller=caller, rule=report.rule)
