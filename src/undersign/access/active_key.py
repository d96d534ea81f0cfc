"""The version of a key that signs now, and what a use of it takes (DESIGN section 4, one commit or two)."""

from __future__ import annotations

from dataclasses import dataclass, field

from undersign.audit.record import KeyRef, Write
from undersign.audit.sealed import Committed
from undersign.cryptotoken.lifecycle import KeyUse
from undersign.errors import UnauthenticatedError
from undersign.jws import Signer

__all__ = ["ActiveKey"]


@dataclass(frozen=True, slots=True)
class ActiveKey:
    """The version of this key that signs now, as far as this process knows; the commit asks the database.

    Attributes:
        ref: Its names, for the log.
        limit: How often the version may be used in its life; None for no limit.
        inside: Whether a use can be seen nowhere but in this process; else it is reserved by a commit of its own.
        alg: The algorithm that it signs with.
        use: The change that counts a use, and wants the version to be active.
    """

    ref: KeyRef
    signer: Signer = field(repr=False)
    limit: int | None = None
    inside: bool = True
    alg: str = field(init=False)
    use: KeyUse = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "alg", self.signer.alg or "")
        object.__setattr__(self, "use", KeyUse(self.ref.name, self.ref.version, self.limit))

    def released(self, reservation: Write | None, reserved: Committed | None) -> Signer:
        """Give the signer: at once where the key is inside, else only for the committed line of its reservation.

        Raises:
            UnauthenticatedError: The use of a key outside this process is not reserved.
        """
        if self.inside:
            return self.signer
        if reservation is None or type(reserved) is not Committed or not reserved.holds(reservation.fragment):
            raise UnauthenticatedError("A key outside this process is used only when the use is on record.")
        return self.signer
