"""What a request uses up: one authorization, and one use of a key (DESIGN safety rules 8 and 12).

Both are named by the decision and committed before the key is touched. A commit whose outcome is unknown counts as
used, and nothing is released.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from undersign.access.issuers import VerifiedCaller
from undersign.audit.record import KeyRef
from undersign.encoding import encode_json
from undersign.errors import PolicyError, UnauthenticatedError
from undersign.replay import Burn

__all__ = ["BINDS", "BURN", "Use", "burns"]

BINDS: Final = ("none", "once")
BURN: Final = "authorization"


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a key; the commit asks whether the key is active and has uses left.

    Attributes:
        limit: How often the key may be used in its life; None for no limit.
    """

    key: KeyRef
    limit: int | None = None


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
    return (Burn(BURN, caller.iss, encode_json([caller.jti, worker]), float(caller.expires_at)),)
