"""START HERE: a request to sign from its evidence to its result (seed 000, steps 9 to 11).

``identify`` finds the worker and who asks, before the document is read. ``decide`` checks everything that can be
checked without writing; its ``Decision`` names all that is used up, used and required. ``perform`` signs, and seals
what it signed: the runner commits the line that names it, with all of that, and only that line opens the seal. Where
the key is outside this process, the runner commits the decision's ``reservation`` first, and ``perform`` wants that
line.

The order: find the worker, verify the token (access/issuers) - does the format take the document - may the caller
(authorizers) - claims to their places (mapping) - what is used up (usage) - sign (workers) - *commit* - receipt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Protocol

from undersign.access.active_key import ActiveKey
from undersign.access.issuers import Issuers, VerifiedCaller
from undersign.access.standing import Enabled
from undersign.audit.reason import reason_of
from undersign.audit.record import Entry, Item, Mapped, Write, commit
from undersign.audit.sealed import Committed, Sealed
from undersign.errors import UndersignError
from undersign.jws import Signer

from . import mapping, usage
from .mapping import Placed
from .request import Call, Permit, SigningRequest
from .worker import Worker, Workers
from .workers import KINDS, Made, Maker

__all__ = ["RECEIPT", "Asking", "Decision", "Keys", "Outcome", "SigningProcess"]

RECEIPT: Final = "receipt"
_WHY: Final = 200  # characters of a message in the log; messages are escaped already and hold no secrets


class Keys(Protocol):
    """Where the keys are found, without waiting for anything."""

    @property
    def active(self) -> Mapping[str, ActiveKey]:
        """The version of each key that signs now; asking for one that has none raises UnusableKeyError."""

    def reload(self) -> None:
        """Read anew which versions sign."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks which worker; nobody, where the worker is for anyone."""

    worker: Worker
    caller: VerifiedCaller | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        permit: That the caller may.
        changes: All that is used up, used, kept and required; committed with the line.
        reservation: What must be committed before the key is used, where a use could be seen from outside.
    """

    request: SigningRequest
    worker: Worker
    permit: Permit
    placed: Placed
    mapped: tuple[Mapped, ...]
    key: ActiveKey
    changes: tuple[object, ...]
    reservation: Write | None

    @property
    def alg(self) -> str:
        """The key's algorithm."""
        return self.key.alg

    @property
    def size(self) -> int:
        """How many octets are to be signed."""
        return len(self.request.document.octets)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the worker made, and with which key."""

    made: Made
    key: ActiveKey
    worker: Worker


class SigningProcess:
    """The signing server's process, for any worker; each worker is compiled once for each version of its key."""

    def __init__(self, workers: Workers, issuers: Issuers, keys: Keys, clock: Callable[[], float]) -> None:
        self.workers = workers
        self._issuers = issuers
        self._keys = keys
        self._clock = clock
        self._makers: dict[str, tuple[object, Maker]] = {}

    def identify(self, call: Call) -> Asking:
        """Find the worker, and who asks; a worker for anyone asks nobody.

        Raises:
            UnknownWorkerError: There is no such worker.
            UnauthenticatedError: There is no token, or none that is accepted; the reason is its cause.
        """
        worker = self.workers[call.worker]
        return Asking(worker, self._issuers.admit(call.token) if worker.issuers else None)

    def decide(self, asking: Asking, request: SigningRequest) -> Decision:
        """Check the request whole; write nothing.

        Raises:
            AccessError: The caller may not.
            RequestError: The document is not one for this worker.
            UnusableKeyError: The worker's key does not sign now.
        """
        worker = asking.worker
        permit = worker.authorizer.authorize(request, self._clock())
        KINDS[worker.format].check(worker, request.document)
        caller = permit.caller
        placed = mapping.place(worker.mapping, caller.claims if caller else {}, request.meta())
        key = self._keys.active[worker.key]
        mapped = [commit(target, value) for target, value in placed.targets]
        changes: tuple[object, ...] = (
            *(usage.burns(worker.bind, worker.name, caller) if worker.bind != "none" else ()),
            key.use,
            self._keys.active[RECEIPT].use,
            Enabled("worker", worker.name),
            *(caller.requires if caller else ()),
            *[personal for _, personal in mapped],
        )
        decision = Decision(request, worker, permit, placed, tuple([m for m, _ in mapped]), key, changes, None)
        if key.inside:
            return decision
        intent = Write(_entry(decision, "intent", Item("sha256", request.document.sha256)), *changes)
        return replace(decision, reservation=intent)

    def perform(self, decision: Decision, reserved: Committed | None = None) -> Sealed[Outcome]:
        """Sign, and seal what was signed.

        Raises:
            UnauthenticatedError: The key is outside this process, and its use is not reserved.
            UndersignError: The key cannot sign.
        """
        worker, document, key = decision.worker, decision.request.document, decision.key
        signer = key.signer if key.inside else key.released(decision.reservation, reserved)
        made = self._maker(worker, signer).make(document, decision.placed, decision.permit)
        digest = sha256(made.octets).hexdigest()
        item = Item("sha256", document.sha256, digest, "detached" if made.detached else "")
        changes = decision.changes if decision.reservation is None else ()
        write = Write(_entry(decision, "done", item), *changes)
        return Sealed(Outcome(made, key, worker), digest, write)

    def _maker(self, worker: Worker, signer: Signer) -> Maker:
        compiled = self._makers.get(worker.name)
        if compiled is None or compiled[0] is not signer:
            compiled = self._makers[worker.name] = (signer, KINDS[worker.format].Maker(worker, signer))
        return compiled[1]

    def verdict(self, error: UndersignError) -> UndersignError:
        """What a commit refused is told as it is: the caller has proved who he is."""
        return error

    def refusal(self, error: UndersignError, asking: Asking, request: SigningRequest | Call) -> Write | None:
        """A line for a caller who is known, a count for one who is not; a Call is one whose document did not come."""
        if asking.caller is None:
            return None
        entry = Entry(
            event="sign_denied",
            outcome="refused",
            reason=reason_of(error),
            request_id=request.request_id,
            worker=request.worker,
            caller=asking.caller.caller,
            items=(Item("sha256", request.document.sha256),) if isinstance(request, SigningRequest) else (),
            detail=(("why", error.message[:_WHY]),),
        )
        return Write(entry)

    def renew(self) -> None:
        """Read anew which versions of the keys sign."""
        self._keys.reload()


def _entry(decision: Decision, outcome: str, item: Item) -> Entry:
    caller, key = decision.permit.caller, decision.key
    detail: Any = (
        ("format", decision.worker.format),
        ("alg", key.alg),
        ("rule", decision.permit.rule),
        ("configuration", decision.worker.configuration),
    )
    return Entry(
        event="sign",
        outcome=outcome,
        request_id=decision.request.request_id,
        worker=decision.worker.name,
        caller=caller.caller if caller else None,
        key=key.ref,
        items=(item,),
        mapped=decision.mapped,
        detail=detail,
    )
