"""START HERE: a request to sign from its evidence to its result, in two plain steps (seed 000, steps 9 to 11).

``decide`` checks everything that can be checked without writing. Its ``Decision`` names what must be committed before
the key is touched: the one-shot authorization, the use of the key, the intent. ``perform`` takes the committed line,
and only then is there an ``Authorization`` and the worker works. ``web/signing_routes.py`` commits between and after,
and releases the result, with a receipt made from the second line, when that line is committed too.

The order: find the worker - does the format take the document - may the caller (authorizers) - claims to their places
(mapping) - what is used up (usage) - *commit* - sign (workers) - *commit* - receipt - the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from undersign.audit.chain import Line
from undersign.audit.record import Entry, Item, Mapped, Personal, commit
from undersign.errors import ClaimError, UnauthenticatedError, UndersignError
from undersign.replay import Burn

from . import authorizers, mapping, usage
from .authorizers import Permit
from .mapping import Placed
from .request import SigningRequest
from .usage import Use
from .worker import ActiveKey, Worker, Workers
from .workers import KINDS, Made

__all__ = ["Decision", "Keys", "Outcome", "decide", "perform", "reason_of", "refusal"]


_WHY: Final = 200  # characters of a message in the log; messages are escaped already and hold no secrets


class Keys(Protocol):
    """Where the keys of workers are found, without waiting for anything."""

    def active(self, name: str) -> ActiveKey:
        """The version of this key that signs now.

        Raises:
            UnusableKeyError: None does.
        """


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and what must be committed before it is carried out.

    Attributes:
        permit: That the caller may; worth nothing until ``burns`` and ``use`` are committed.
        burns: The one-time things to use up.
        use: The use of the key.
        personal: Values of the caller's that are kept beside the chain.
        intent: The line for the audit chain.
    """

    request: SigningRequest
    worker: Worker
    permit: Permit
    placed: Placed
    key: ActiveKey
    burns: tuple[Burn, ...]
    use: Use
    personal: tuple[Personal, ...]
    intent: Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the worker made, and the line to commit before it is released."""

    made: Made
    record: Entry


def decide(request: SigningRequest, workers: Workers, keys: Keys, now: float) -> Decision:
    """Check the request whole; write nothing.

    Raises:
        AccessError: The caller may not.
        RequestError: The document is not one for this worker.
        UnusableKeyError: The worker's key does not sign now.
    """
    worker = workers.find(request.worker)
    permit = worker.authorizer.authorize(request, now)
    KINDS[worker.format].check(worker, request.document)
    claims = permit.caller.claims if permit.caller else {}
    placed = mapping.place(worker.mapping, claims, request.meta())
    key = keys.active(worker.key)
    logged = tuple(commit(f"log.{name}", value) for name, value in placed.log)
    mapped = tuple(commit(f"jws.header.{name}", value) for name, value in placed.header)
    intent = _entry(request, worker, permit, key, tuple(m for m, _ in (*logged, *mapped)))
    return Decision(
        request=request,
        worker=worker,
        permit=permit,
        placed=placed,
        key=key,
        burns=usage.burns(worker.bind, worker.name, permit.caller),
        use=Use(key.ref, key.limit),
        personal=tuple(p for _, p in (*logged, *mapped)),
        intent=intent,
    )


def perform(decision: Decision, committed: Line) -> Outcome:
    """Sign, now that what the request uses up is used up.

    Raises:
        UndersignError: The line is another request's, or the key cannot sign.
    """
    authorization = authorizers.confirm(decision.permit, committed)
    worker, document = decision.worker, decision.request.document
    made = KINDS[worker.format].make(worker, document, decision.placed, authorization, decision.key.signer)
    intent = decision.intent
    record = Entry(
        event="sign",
        outcome="done",
        request_id=intent.request_id,
        worker=intent.worker,
        caller=intent.caller,
        key=intent.key,
        items=(
            Item(
                "sha256",
                document.sha256,
                sig_hash=sha256(made.octets).hexdigest(),
                ref="detached" if made.detached else "",
            ),
        ),
        mapped=intent.mapped,
        detail=intent.detail,
    )
    return Outcome(made, record)


def refusal(error: UndersignError, request: SigningRequest) -> Entry:
    """The line for a request of an authenticated caller that was refused."""
    return Entry(
        event="sign_denied",
        outcome="refused",
        reason=reason_of(error),
        request_id=request.request_id,
        worker=request.worker,
        caller=request.caller.caller() if request.caller else None,
        items=(Item("sha256", request.document.sha256),),
        detail=(("why", error.message[:_WHY]),),
    )


def reason_of(error: UndersignError) -> str:
    """The real reason for the log: the code of the innermost cause, and the claim where one is to blame."""
    while isinstance(error, UnauthenticatedError) and isinstance(error.__cause__, UndersignError):
        error = error.__cause__
    return f"{error.code}:{error.claim}" if isinstance(error, ClaimError) else error.code


def _entry(
    request: SigningRequest, worker: Worker, permit: Permit, key: ActiveKey, mapped: tuple[Mapped, ...]
) -> Entry:
    return Entry(
        event="sign",
        outcome="intent",
        request_id=request.request_id,
        worker=worker.name,
        caller=permit.caller.caller() if permit.caller else None,
        key=key.ref,
        items=(Item("sha256", request.document.sha256),),
        mapped=mapped,
        detail=(
            ("format", worker.format),
            ("alg", key.signer.alg),
            ("rule", permit.rule),
            ("configuration", worker.configuration),
        ),
    )
