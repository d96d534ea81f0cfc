"""Evidence that a caller may use a worker: the rules let this caller use this worker for this request.

What a worker makes for a ``Permit`` is sealed: the same token could be permitting the same thing somewhere else at this
moment. Only the commit that uses up what the permit rests on opens the seal (``audit.sealed``).
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, final

from undersign.access.issuers import VerifiedCaller

__all__ = ["MAKER", "Permit"]

MAKER: Final = object()  # for the authorizers of this room; tests/architecture counts who imports it


@final
class Permit:
    """The rules let this caller use this worker for this request. Made by an authorizer only.

    Attributes:
        worker: The worker's name.
        request_id: The request it is for.
        caller: Whose token it was; None where the worker is for anyone.
        rule: The name of the rule that held.
    """

    __slots__ = ("caller", "request_id", "rule", "worker")

    worker: str
    request_id: str
    caller: VerifiedCaller | None
    rule: str

    def __init__(
        self, maker: object, *, worker: str, request_id: str, caller: VerifiedCaller | None, rule: str
    ) -> None:
        if maker is not MAKER:
            raise TypeError("A Permit is made by an authorizer only.")
        write = object.__setattr__
        write(self, "worker", worker)
        write(self, "request_id", request_id)
        write(self, "caller", caller)
        write(self, "rule", rule)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Evidence cannot be copied or pickled: authorize again where it is needed.")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Evidence cannot be derived from.")
