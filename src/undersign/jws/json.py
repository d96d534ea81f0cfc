"""The JWS JSON Serialization, general and flattened (RFC 7515 section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..encoding import FrozenDict, b64url_decode, freeze, parse_json
from ..errors import InvalidHeaderError, LimitError, MalformedTokenError, PolicyError, UndersignError, UnmetPolicyError
from ..header import EMPTY, JOSEHeader, parse_split
from ..jwk.key import Key
from ..limits import Limits
from .compact import CompactVerifier
from .detached import signing_input
from .policy import SignaturePolicy
from .verified import SignatureReport, VerifiedJWS, seal

__all__ = ["Entry", "content_of", "entries", "parse", "verify"]

_PER_SIGNATURE: Final = frozenset({"protected", "header", "signature"})


class Entry:
    """One signature of a JSON serialization, parsed and not yet verified."""

    __slots__ = ("header", "protected", "segment", "signature", "unprotected")

    def __init__(
        self, segment: bytes, protected: FrozenDict, unprotected: FrozenDict, header: JOSEHeader, signature: bytes
    ) -> None:
        self.segment = segment
        self.protected = protected
        self.unprotected = unprotected
        self.header = header
        self.signature = signature


def parse(token: Mapping[str, Any] | str | bytes, limits: Limits) -> FrozenDict:
    """Read the JSON of a serialization, from text or from a dict that the caller parsed; read-only.

    Raises:
        MalformedTokenError, LimitError: It is not a JSON object within the limits.
    """
    if isinstance(token, Mapping):
        try:
            value = freeze(token)
        except RecursionError:
            raise LimitError("The JWS nests too deep.") from None
    else:
        octets = token.encode("utf-8", "surrogatepass") if isinstance(token, str) else bytes(token)
        if len(octets) > limits.token:
            raise LimitError(f"The token is longer than {limits.token} octets.")
        value = parse_json(octets, limits)
    if not isinstance(value, FrozenDict):
        raise MalformedTokenError("A JWS in JSON is an object.")
    return value


def entries(jws: FrozenDict, limits: Limits, understood: frozenset[str] | None) -> list[Entry]:
    """Parse every signature; a JWS of which one cannot be parsed is refused whole.

    Raises:
        MalformedTokenError, InvalidHeaderError, LimitError: As RFC 7515 sections 5.2 and 7.2 demand.
    """
    several = "signatures" in jws
    if several and _PER_SIGNATURE & jws.keys():
        raise MalformedTokenError("The JWS is both general and flattened (RFC 7515 section 7.2.2).")
    members = jws["signatures"] if several else [jws]
    if not isinstance(members, list) or not members:
        raise MalformedTokenError("'signatures' is not an array with at least one signature.")
    if len(members) > limits.signatures:
        raise LimitError(f"The JWS has {len(members)} signatures; {limits.signatures} are allowed.")
    found = [_entry(member, limits, understood) for member in members]
    if len({entry.header.encoded for entry in found}) > 1:
        raise InvalidHeaderError("'b64' differs between the signatures (RFC 7797 section 3).")
    return found


def _entry(member: object, limits: Limits, understood: frozenset[str] | None) -> Entry:
    if not isinstance(member, Mapping):
        raise MalformedTokenError("A member of 'signatures' is not an object.")
    segment = _text(member, "protected").encode("ascii", "replace") if "protected" in member else b""
    unprotected = member.get("header", EMPTY)
    if not isinstance(unprotected, FrozenDict):
        raise MalformedTokenError("'header' is not an object.")
    if "protected" in member and not segment:
        raise InvalidHeaderError("An empty protected header must be left out (RFC 7515 section 7.2.1).")
    if "header" in member and not unprotected:
        raise InvalidHeaderError("An empty unprotected header must be left out (RFC 7515 section 7.2.1).")
    protected, header = parse_split(segment, unprotected, limits, understood)
    return Entry(segment, protected, unprotected, header, _text(member, "signature").encode("ascii", "replace"))


def _text(member: Mapping[str, Any], name: str) -> str:
    value = member.get(name)
    if not isinstance(value, str):
        raise MalformedTokenError(f"{name!r} is missing or not a string.")
    return value


def content_of(jws: FrozenDict, payload: bytes | None, *, encoded: bool) -> bytes:
    """Take the payload from the JWS or from the caller, and never from both.

    Raises:
        MalformedTokenError: It is in neither or in both, or not base64url.
    """
    if payload is not None:
        if "payload" in jws:
            raise MalformedTokenError(
                "The JWS carries a payload although a detached one was given.", help="Leave payload= out."
            )
        if not isinstance(payload, (bytes, bytearray)):
            raise PolicyError("The detached payload is bytes.")
        return bytes(payload)
    if "payload" not in jws:
        raise MalformedTokenError("The JWS has no payload.", help="If it is detached, pass it: payload=b'...'.")
    text = _text(jws, "payload")
    if encoded:
        return b64url_decode(text)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:  # only a dict can hold one: JSON text is checked when it is parsed
        raise MalformedTokenError("The payload holds half of a surrogate pair.") from None


def verify(
    token: Mapping[str, Any] | str | bytes,
    verifier: CompactVerifier,
    keys: tuple[Key, ...],
    policy: SignaturePolicy | None,
    payload: bytes | None,
    limits: Limits,
    understood: frozenset[str],
) -> VerifiedJWS:
    """Verify every signature and hold the verdicts against the policy.

    Raises:
        UnmetPolicyError: There is more than one signature and no policy, or the policy is not met.
        UndersignError: Whatever else is wrong.
    """
    jws = parse(token, limits)
    found = entries(jws, limits, understood)
    encoded = found[0].header.encoded
    content = content_of(jws, payload, encoded=encoded)
    if policy is None and len(found) > 1:
        raise UnmetPolicyError(
            "The JWS has more than one signature, and no policy says which must hold.",
            help="Name one: policy=jws.all_of(), any_of(), at_least(k) or required([keys]).",
        )
    if policy is None:  # a single signature: its own error says more than a policy could
        key = _check(found[0], verifier, content)
        return seal(
            content,
            (SignatureReport(found[0].protected, found[0].unprotected, key, None),),
            ("signature", *sorted(verifier.quirks)),
        )
    reports = tuple(_report(entry, verifier, content) for entry in found)
    policy.check(reports, keys)
    if not any(report.verified for report in reports):  # whatever a policy of the caller's own lets pass
        raise UnmetPolicyError("No signature verifies.", signatures=reports)
    return seal(content, reports, ("signature", policy.name, *sorted(verifier.quirks)))


def _check(entry: Entry, verifier: CompactVerifier, content: bytes) -> Key:
    return verifier.check(
        entry.header, signing_input(entry.segment, content, encoded=entry.header.encoded), entry.signature
    )


def _report(entry: Entry, verifier: CompactVerifier, content: bytes) -> SignatureReport:
    try:
        key = _check(entry, verifier, content)
    except UndersignError as error:
        return SignatureReport(entry.protected, entry.unprotected, None, error.code)
    return SignatureReport(entry.protected, entry.unprotected, key, None)
