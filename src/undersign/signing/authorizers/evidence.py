"""Evidence that a caller may use a worker, in two steps: permitted by the rules, then authorized once and for all.

A ``Permit`` opens nothing: the same token could be permitting the same thing somewhere else at this moment. Only
when what it uses up has been committed does ``confirm`` turn it into an ``Authorization``, and only that makes a
worker work.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, final

from undersign.access.issuers import VerifiedCaller
from undersign.audit.chain import Line
from undersign.errors import UnauthenticatedError

__all__ = ["MAKER", "Authorization", "Permit", "confirm"]

MAKER: Final = object()  # for the authorizers of this room; tests/architecture counts who imports it


class _Evidence:
    """What both share: built here only, read-only, not copied and not pickled."""

    __slots__ = ()

    worker: str
    request_id: str
    caller: VerifiedCaller | None
    rule: str

    def __init__(
        self, maker: object, *, worker: str, request_id: str, caller: VerifiedCaller | None, rule: str
    ) -> None:
        if maker is not MAKER:
            raise TypeError(f"A {type(self).__name__} is made by an authorizer only.")
        for name, value in (("worker", worker), ("request_id", request_id), ("caller", caller), ("rule", rule)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Evidence cannot be copied or pickled: authorize again where it is needed.")

    def __init_subclass__(cls) -> None:
        if cls.__module__ != __name__:
            raise TypeError("Evidence cannot be derived from.")


@final
class Permit(_Evidence):
    """The rules let this caller use this worker for this request; nothing is used up yet.

    Attributes:
        worker: The worker's name.
        request_id: The request it is for.
        caller: Whose token it was; None where the worker is for anyone.
        rule: The name of the rule that held.
    """

    __slots__ = ("caller", "request_id", "rule", "worker")


@final
class Authorization(_Evidence):
    """A permit whose one-time things are used up: the worker may work, for this request only."""

    __slots__ = ("caller", "request_id", "rule", "worker")


def confirm(permit: Permit, committed: Line) -> Authorization:
    """Turn a permit into an authorization, now that the line that uses it up is committed.

    Raises:
        UnauthenticatedError: What was handed in is not a permit and the committed line of its request.
    """
    if (type(permit), type(committed)) != (Permit, Line):
        raise UnauthenticatedError("Only a permit whose use is committed authorizes.")
    if f'"{permit.request_id}"'.encode() not in committed.body:
        raise UnauthenticatedError("The committed line is another request's.")
    return Authorization(
        MAKER, worker=permit.worker, request_id=permit.request_id, caller=permit.caller, rule=permit.rule
    )
