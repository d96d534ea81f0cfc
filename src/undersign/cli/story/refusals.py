"""The five refusals: what a thief, a careless client and a changed octet get, and what the log says of it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from undersign.jwt.profiles.client_assertion import Minter

from .files import CLIENT, OTHER_AUDIENCE, WORKER, Document, Plan
from .telling import Teller
from .wire import Answer, UnreachableError, exchange

__all__ = ["ASSERTION_TYPE", "Refusal", "Thief", "check_after", "play"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something that must be refused, and the line of the log that must say why.

    Attributes:
        server: Whose log: authorization or signing.
        event: The line's event.
        reason: The line's reason.
    """

    name: str
    status: int
    server: str
    event: str
    reason: str


class Thief:
    """Has stolen the backend's key, or a token, or nothing at all."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._minter = Minter(plan.client_key(), client_id=CLIENT, audience=plan.issuer)

    def assertion(self) -> str:
        """An assertion of the backend's."""
        return self._minter.mint()

    def ask(self, scope: str, *, resource: str = "", assertion: str = "") -> Answer:
        """Ask for a token."""
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "resource": resource or self._plan.resource,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return exchange("POST", f"{self._plan.issuer}/token", body=urlencode(form).encode("ascii"), headers=headers)

    def token(self, scope: str, *, resource: str = "") -> str:
        """A token that the authorization server gave."""
        answer = self.ask(scope, resource=resource)
        if answer.status != HTTPStatus.OK:
            raise UnreachableError(f"no token for the demonstration: {_told(answer)}")
        return str(answer.json()["access_token"])

    def sign(self, octets: bytes, token: str | None, *, announced: bytes | None = None) -> Answer:
        """Ask for a signature."""
        digest = b64encode(sha256(octets if announced is None else announced).digest()).decode("ascii")
        headers = {"Content-Type": "application/octet-stream", "Content-Digest": f"sha-256=:{digest}:"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return exchange("POST", f"{self._plan.signing}/v1/workers/{WORKER}/sign", body=octets, headers=headers)


def play(plan: Plan, teller: Teller, document: Document) -> tuple[Refusal, ...]:
    """Try each of them, and say what was answered."""
    thief = Thief(plan)
    altered = _altered(document.octets)
    replayed = thief.assertion()
    thief.ask("sign", assertion=replayed)
    signing = "signing"
    attempts: tuple[tuple[Refusal, Callable[[], Answer]], ...] = (
        (
            Refusal("no token", 401, signing, "refusals", "unauthenticated"),
            lambda: thief.sign(document.octets, None),
        ),
        (
            Refusal("wrong scope", 403, signing, "sign_denied", "rule_denied"),
            lambda: thief.sign(document.octets, thief.token("audit")),
        ),
        (
            Refusal("another audience", 401, signing, "refusals", "incorrect_claim:aud"),
            lambda: thief.sign(document.octets, thief.token("sign", resource=OTHER_AUDIENCE)),
        ),
        (
            Refusal("replayed assertion", 401, "authorization", "refusals", "replayed"),
            lambda: thief.ask("sign", assertion=replayed),
        ),
        (
            Refusal("tampered document", 422, signing, "sign_denied", "digest_mismatch"),
            lambda: thief.sign(altered, thief.token("sign"), announced=document.octets),
        ),
    )
    for refusal, attempt in attempts:
        answer = attempt()
        teller.check(refusal.name, good=answer.status == refusal.status, what=_told(answer))
    return tuple(refusal for refusal, _ in attempts)


def check_after(plan: Plan, teller: Teller, document: Document, signed: Mapping[str, Any]) -> None:
    """One bit changed after the signature: the backend finds it, offline."""
    body = json.dumps({**signed, "document": _altered(document.octets).hex()}).encode("utf-8")
    answer = exchange("POST", f"{plan.backend}/documents/check", body=body)
    what = f"{answer.status}  {answer.json().get('error')}: the backend, offline, asking nobody"
    teller.check("tampered after signing", good=answer.status == HTTPStatus.UNPROCESSABLE_ENTITY, what=what)


def _altered(octets: bytes) -> bytes:
    middle = len(octets) // 2
    return octets[:middle] + bytes([octets[middle] ^ 1]) + octets[middle + 1 :]


def _told(answer: Answer) -> str:
    found = answer.json()
    if "error" in found:
        return f"{answer.status}  {found['error']}: {found.get('error_description', '')}"
    leaves = [leaf for rule in found.get("rules", ()) for leaf in rule["failed"]]
    detail = f"the token does not show that {'; '.join(leaves)}" if leaves else str(found.get("detail", ""))
    return f"{answer.status}  {found['title']}: {detail}"
