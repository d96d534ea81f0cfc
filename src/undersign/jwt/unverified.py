"""Read a JWT that nobody has verified, for the three rooms that may: one shows it, two must know whose keys to ask."""

from __future__ import annotations

from ..encoding import FrozenDict, decode_segment, parse_object
from ..errors import InvalidHeaderError, LimitError, MalformedTokenError
from ..jws.compact import token_octets
from ..limits import DEFAULT, Limits

__all__ = ["Unverified", "peek"]


class Unverified:
    """What a token says of itself. Nothing of it is known to be true.

    Attributes:
        header: Its protected header, as it says.
        claims: Its claims, as it says.
    """

    __slots__ = ("claims", "header")

    def __init__(self, header: FrozenDict, claims: FrozenDict) -> None:
        self.header = header
        self.claims = claims

    def __repr__(self) -> str:
        return "<Unverified: nothing of this is known to be true>"


def peek(token: str | bytes, limits: Limits = DEFAULT) -> Unverified:
    """Parse, as strictly as a verifier does, without verifying.

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
    return Unverified(header, parse_object(decode_segment(parts[1]), limits))
