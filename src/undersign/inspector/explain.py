"""Explain a token: decoded without trust, then each check of RFC 7515 section 5.2 and RFC 7519 section 7.2 by itself.

A verifier stops at the first failure; this goes on, so that one look shows everything that stands in the way. Its
result is for people and is no evidence: nothing in undersign takes it for a verified token.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..encoding import b64url_decode, parse_object
from ..errors import LimitError, MalformedTokenError, UndersignError
from ..header import check as check_header
from ..header import media_type
from ..jwks.keyset import Keys
from ..jws.compact import CompactVerifier
from ..jwt.claims import check_types
from ..jwt.expectation import Expectation
from ..limits import DEFAULT, Limits

__all__ = ["Check", "Explanation", "Question", "explain"]

_JWE_PARTS: Final = 5


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its outcome: ``passed``, ``failed``, or ``skipped`` for want of something to compare with."""

    name: str
    outcome: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a token says and how each check went. No evidence of anything.

    Attributes:
        kind: ``JWT``, ``JWS`` or ``JWE``.
        header: The protected header; empty where it cannot be parsed.
        claims: The claims of a JWT, None for other content.
        payload: The payload's octets.
        checks: In the order in which a verifier runs them.
        verified: Whether a key was given and every check passed or had nothing to compare with.
    """

    kind: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any] | None
    payload: bytes
    checks: tuple[Check, ...]
    verified: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What to hold a token against; whatever is None is not compared.

    Attributes:
        keys: The keys that may have signed it.
        algorithms: What is accepted, for keys that name no algorithm.
        issuer: The expected ``iss``.
        audience: The expected ``aud``.
        typ: The expected ``typ``.
        understood: Critical extensions that are processed.
        now: The moment to judge by, in seconds since 1970.
    """

    keys: Keys | None = None
    algorithms: Collection[str] | None = None
    issuer: str | None = None
    audience: str | None = None
    typ: str | None = None
    understood: Collection[str] = ()
    now: float | None = None


def explain(token: str, question: Question | None = None, *, limits: Limits = DEFAULT) -> Explanation:
    """Explain a compact token.

    Raises:
        MalformedTokenError: It is not a compact token at all.
        LimitError: It is longer than the limits allow.
    """
    question = question or Question()
    text = token.strip()
    if len(text) > limits.token:
        raise LimitError(f"The token is longer than {limits.token} octets.")
    parts = text.split(".")
    if len(parts) == _JWE_PARTS:
        return _explain_encrypted(parts[0], limits)
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 section 7.1
        raise MalformedTokenError(f"A compact JWS has three segments and a compact JWE five; this has {len(parts)}.")
    checks: list[Check] = []
    header = _decoded("header", parts[0], limits, checks)
    payload = _octets("payload", parts[1], checks)
    _octets("signature", parts[2], checks)
    claims = _claims(payload, limits)
    checks += [_ran("header parameters", lambda: check_header(header, question.understood))] if header else []
    checks.append(_signature(text, question, limits))
    if claims is not None:
        checks += _claim_checks(header, claims, question)
    failed = any(check.outcome == "failed" for check in checks)
    signed = any(check.name == "signature" and check.outcome == "passed" for check in checks)
    return Explanation(
        "JWT" if claims is not None else "JWS", header, claims, payload, tuple(checks), signed and not failed
    )


def _explain_encrypted(segment: str, limits: Limits) -> Explanation:
    checks: list[Check] = []
    header = _decoded("header", segment, limits, checks)
    checks.append(Check("content", "skipped", "The content is encrypted; only the recipient's key opens it."))
    return Explanation("JWE", header, None, b"", tuple(checks), verified=False)


def _decoded(name: str, segment: str, limits: Limits, checks: list[Check]) -> Mapping[str, Any]:
    try:
        members = parse_object(b64url_decode(segment), limits)
    except UndersignError as error:
        checks.append(Check(f"{name} encoding", "failed", error.message))
        return {}
    checks.append(Check(f"{name} encoding", "passed"))
    return members


def _octets(name: str, segment: str, checks: list[Check]) -> bytes:
    try:
        octets = b64url_decode(segment)
    except UndersignError as error:
        checks.append(Check(f"{name} encoding", "failed", error.message))
        return b""
    checks.append(Check(f"{name} encoding", "passed"))
    return octets


def _claims(payload: bytes, limits: Limits) -> Mapping[str, Any] | None:
    try:
        return parse_object(payload, limits)
    except UndersignError:
        return None


def _signature(token: str, question: Question, limits: Limits) -> Check:
    if question.keys is None:
        return Check("signature", "skipped", "NOT VERIFIED: no key was given, so anybody may have written this.")
    keys = question.keys

    def verify() -> None:
        CompactVerifier(keys, algorithms=question.algorithms, understood=question.understood, limits=limits).open(token)

    return _ran("signature", verify)


def _claim_checks(header: Mapping[str, Any], claims: Mapping[str, Any], question: Question) -> list[Check]:
    now = time.time() if question.now is None else question.now
    typ = header.get("typ")
    types = _ran("claim types", lambda: check_types(claims))
    found = [types]
    if question.typ is not None:
        found.append(_ran("typ", lambda: _expecting(typ=question.typ).check_typ(media_type(str(typ)) if typ else None)))
    if types.outcome == "failed":
        return found
    found.append(_ran("times", lambda: _expecting().check(claims, now)))
    found.append(
        _ran(
            "exp present",
            lambda: _expecting(need_exp=True).check({"exp": claims.get("exp")} if "exp" in claims else {}, 0),
        )
    )
    for name, expected in (("iss", question.issuer), ("aud", question.audience)):
        if expected is None:
            found.append(Check(name, "skipped", "Nothing was given to compare it with."))
        else:
            alone = {name: claims[name]} if name in claims else {}
            found.append(_ran(name, _comparing(name, expected, alone)))
    return found


def _comparing(name: str, expected: str, alone: Mapping[str, Any]) -> Callable[[], None]:
    expectation = _expecting(issuer=expected) if name == "iss" else _expecting(audience=expected)
    return lambda: expectation.check(alone, 0)


def _expecting(
    *, issuer: str | None = None, audience: str | None = None, typ: str | None = None, need_exp: bool = False
) -> Expectation:
    wanted = {"iss": issuer is None, "aud": audience is None, "typ": typ is None, "exp": not need_exp}
    return Expectation(
        issuer=issuer,
        audience=audience,
        typ=typ,
        require=(),
        waive=tuple(name for name, waived in wanted.items() if waived),
        leeway=0,
        max_age=None,
    )


def _ran(name: str, check: Callable[[], object]) -> Check:
    try:
        check()
    except UndersignError as error:
        return Check(name, "failed", f"{error.message} {error.help}")
    return Check(name, "passed")
