"""What a request uses up: one authorization (DESIGN safety rules 8 and 12).

It is named by the decision and committed together with the line of what it bought. A commit whose outcome is unknown
counts as used, and nothing is released.
"""

from __future__ import annotations

from typing import Final

from undersign.access.issuers import VerifiedCaller
from undersign.encoding import encode_json
from undersign.errors import PolicyError, UnauthenticatedError
from undersign.replay import Burn

__all__ = ["BINDS", "BURN", "burns"]

BINDS: Final = ("none", "once")
BURN: Final = "authorization"


def burns(bind: str, worker: str, caller: VerifiedCaller | None) -> tuple[Burn, ...]:
    """The one-time things that this caller uses up at this worker.

    Raises:
        PolicyError: The worker's ``bind`` is not one that is built.
        UnauthenticatedError: The worker wants a one-shot authorization and there is none.
    """
    if bind == "none":
        return ()
    if bind != "once":
        raise PolicyError("That bind is not built.", help='Use bind = "once" or "none".')
    if caller is None:
        raise UnauthenticatedError("A one-shot worker needs a token.")
    name = encode_json([caller.caller.jti, worker])
    return (Burn(BURN, caller.caller.iss, name, float(caller.expires_at), caller.issued_at),)
