"""Read a JWT that nobody has verified, for the three rooms that may: one shows it, two must know whose keys to ask."""

from __future__ import annotations

from typing import Final

from ..encoding import decode_segment, parse_object
from ..errors import InvalidHeaderError, LimitError, MalformedTokenError
from ..jws.compact import Unverified, token_octets
from ..limits import DEFAULT, Limits

__all__ = ["Unverified", "peek"]

_new: Final = object.__new__
# The slots themselves, since the object refuses every change; read from them, a claim costs no call.
_set_header, _set_claims, _set_origin = (Unverified.__dict__[name].__set__ for name in ("header", "claims", "_origin"))


def peek(token: str | bytes, limits: Limits = DEFAULT) -> Unverified:
    """Parse, as strictly as a verifier does, without verifying. Nothing else makes an Unverified.

    Args:
        token: The token.
        limits: Caps; a verifier with this very object need not parse again.

    Returns:
        What the token says, for finding out whose it is; then pass it to a Verifier in place of the text.

    Raises:
        MalformedTokenError, InvalidHeaderError, LimitError: The token cannot be parsed.
    """
    octets = token_octets(token)
    if len(octets) > limits.jwt:
        raise LimitError(f"The token is longer than {limits.jwt} octets.")
    parts = octets.split(b".", 3)
    if len(parts) != 3:
        raise MalformedTokenError("A compact JWS has three segments with two dots between them.")
    if len(parts[0]) > limits.header:
        raise LimitError(f"The header is longer than {limits.header} octets (header).")
    header = parse_object(decode_segment(parts[0]), limits)
    if header.get("b64", True) is not True:
        raise InvalidHeaderError("'b64' is false in a JWT (RFC 7797 section 7).")
    payload = decode_segment(parts[1])
    unverified = _new(Unverified)
    _set_header(unverified, header)
    _set_claims(unverified, parse_object(payload, limits))
    _set_origin(unverified, (octets, limits, parts[0], payload))
    return unverified
