"""The JOSE header: parse it strictly, know what ``crit`` demands, keep names disjoint (RFC 7515 section 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from .encoding import FrozenDict, decode_segment, parse_object
from .errors import InvalidHeaderError, LimitError, PolicyError, UnsupportedCriticalError, quoted
from .limits import Limits

__all__ = ["EMPTY", "JOSEHeader", "check", "check_disjoint", "media_type", "names_of", "parse", "parse_split"]

# RFC 7515 section 4.1.11: crit must not name what the JWS, JWE and JWA specifications define.
_REGISTERED: Final = frozenset({
    "alg", "jku", "jwk", "kid", "x5u", "x5c", "x5t", "x5t#S256", "typ", "cty", "crit",
    "enc", "zip", "epk", "apu", "apv", "iv", "tag", "p2s", "p2c",
})  # fmt: skip
_TYPES: Final[Mapping[str, tuple[type, str]]] = {
    "alg": (str, "a string"),
    "kid": (str, "a string"),
    "typ": (str, "a string"),
    "cty": (str, "a string"),
    "jku": (str, "a string"),
    "x5u": (str, "a string"),
    "x5t": (str, "a string"),
    "x5t#S256": (str, "a string"),
    "jwk": (dict, "an object"),
    "x5c": (list, "an array"),
    "crit": (list, "an array"),
    "b64": (bool, "a boolean"),
}


class JOSEHeader:
    """A header that was parsed and checked; what every step asks of it lies ready.

    Attributes:
        members: All of it, read-only.
        protected: The part that is signed; all of it in a compact token.
        alg: The algorithm's name; "" where the protected header has none.
        kid: The key ID, or None.
        x5t_s256: The certificate thumbprint, or None.
        typ: The type as a media type, lower case and without ``application/``; None where absent.
        encoded: Whether the payload is base64url-encoded: not so with RFC 7797's ``b64: false``.
    """

    __slots__ = ("alg", "encoded", "kid", "members", "protected", "typ", "x5t_s256")

    def __init__(self, members: FrozenDict, protected: FrozenDict | None = None) -> None:
        self.members = members
        self.protected = members if protected is None else protected
        self.alg: str = members.get("alg", "")
        self.kid: str | None = members.get("kid")
        self.x5t_s256: str | None = members.get("x5t#S256")
        self.typ = media_type(members.get("typ"))
        self.encoded: bool = members.get("b64", True)


EMPTY: Final = FrozenDict()


def media_type(typ: str | None) -> str | None:
    """Normalise a ``typ``: compared without case and without ``application/`` (RFC 7515 section 4.1.9)."""
    # ASCII only: lower() would also make a "k" of the Kelvin sign.
    return typ.lower().removeprefix("application/") if typ is not None and typ.isascii() else typ


def names_of(value: object, argument: str) -> tuple[str, ...]:
    """Take a caller's collection of names.

    Raises:
        PolicyError: It is a single string, whose letters would be taken for names, or not a collection of strings.
    """
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        names = tuple(value)
        if all(isinstance(name, str) for name in names):
            return names
    example = quoted(value) if isinstance(value, str) else '"..."'
    raise PolicyError(f"{argument} is a collection of names.", help=f"Write {argument}=({example},).")


def parse(
    segment: bytes, limits: Limits, understood: Collection[str] | None = (), members: FrozenDict | None = None
) -> JOSEHeader:
    """Decode and check a protected header.

    Args:
        segment: The base64url-encoded header, as it stands in the token.
        limits: Caps.
        understood: Critical extensions that the caller processes, besides ``b64``; None leaves that to others.
        members: What `parse_object` made of this segment under these limits, where it did; else it does now.

    Raises:
        InvalidHeaderError, UnsupportedCriticalError: The header is not one that RFC 7515 section 4 allows.
        InvalidBase64Error, InvalidJSONError, LimitError: It cannot be parsed.
    """
    if len(segment) > limits.header:
        raise LimitError(f"The header is longer than {limits.header} octets (header).")
    if members is None:
        members = parse_object(decode_segment(segment), limits)
    check(members, understood)
    return JOSEHeader(members)


def check(members: Mapping[str, Any], understood: Collection[str] | None = ()) -> None:
    """Check the types and the critical extensions of a header that is protected whole.

    Raises:
        InvalidHeaderError, UnsupportedCriticalError: As `parse`.
    """
    _check_types(members)
    if "alg" not in members:
        raise InvalidHeaderError("The header has no 'alg'.")
    if "crit" in members:
        _check_critical(members, understood)
    if members.get("b64") is False and "b64" not in members.get("crit", ()):
        raise InvalidHeaderError("'b64' is false but not critical (RFC 7797 section 6).")


def _check_types(members: Mapping[str, Any]) -> None:
    for name in _TYPES.keys() & members.keys():
        kind, words = _TYPES[name]
        if not isinstance(members[name], kind):
            raise InvalidHeaderError(f"The header's {name!r} is not {words}.")


def _check_critical(members: Mapping[str, Any], understood: Collection[str] | None) -> None:
    crit = members["crit"]
    if not crit:
        raise InvalidHeaderError("'crit' is empty (RFC 7515 section 4.1.11).")
    if not all(isinstance(name, str) and name for name in crit):
        raise InvalidHeaderError("'crit' holds something else than names.")
    if len(set(crit)) != len(crit):
        raise InvalidHeaderError("'crit' has a name twice.")
    for name in crit:
        if name in _REGISTERED:
            raise InvalidHeaderError(
                f"'crit' names {quoted(name)}, which every implementation must know (RFC 7515 section 4.1.11)."
            )
        if name not in members:
            raise InvalidHeaderError(f"'crit' names {quoted(name)}, which the protected header does not have.")
        if name != "b64" and understood is not None and name not in understood:
            raise UnsupportedCriticalError(f"The extension {quoted(name)} is critical and not understood.")


def check_disjoint(protected: Mapping[str, Any], unprotected: Mapping[str, Any]) -> None:
    """Check that an unprotected header says only what it may, and nothing that the protected one says.

    Raises:
        InvalidHeaderError: A name stands in both, one that must be protected is not, or a value is of the wrong type.
    """
    if "crit" in unprotected or "b64" in unprotected:
        raise InvalidHeaderError("'crit' and 'b64' must stand in the protected header.")
    both = protected.keys() & unprotected.keys()
    if both:
        raise InvalidHeaderError(f"{quoted(min(both))} stands in the protected and in the unprotected header.")
    _check_types({**protected, **unprotected})


def parse_split(
    segment: bytes, unprotected: Mapping[str, Any], limits: Limits, understood: Collection[str] | None = ()
) -> tuple[FrozenDict, JOSEHeader]:
    """Decode the protected header of a JSON serialization and join the unprotected one to it (RFC 7515 section 7.2.1).

    Args:
        segment: The base64url-encoded protected header; empty where there is none.
        unprotected: The unprotected header; empty where there is none.
        limits: Caps.
        understood: Critical extensions that the caller processes, besides ``b64``; None leaves that to others.

    Returns:
        The protected members alone, and both together. ``alg`` may stand in either (RFC 7520 section 4.7): the key
        decides the algorithm, never the header.

    Raises:
        InvalidHeaderError: A name stands in both, one that must be protected is not, or as `parse`.
    """
    if not unprotected:
        header = parse(segment, limits, understood)
        return header.members, header
    if len(segment) > limits.header:
        raise LimitError(f"The header is longer than {limits.header} octets (header).")
    protected = parse_object(decode_segment(segment), limits) if segment else EMPTY
    if segment and not protected:
        raise InvalidHeaderError("An empty protected header must be left out (RFC 7515 section 7.2.1).")
    check_disjoint(protected, unprotected)
    merged = FrozenDict({**protected, **unprotected})
    if "alg" not in merged:
        raise InvalidHeaderError("The header has no 'alg'.")
    check({**protected, "alg": merged["alg"]}, understood)
    return protected, JOSEHeader(merged, protected)
