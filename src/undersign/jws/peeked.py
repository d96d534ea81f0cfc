"""A token that was taken apart and not verified: what peek gives, and what verifiers take in place of its text."""

from __future__ import annotations

from typing import Any, NoReturn, TypeAlias

from ..encoding import FrozenDict
from ..limits import Limits

__all__ = ["Token", "Unverified"]


class Unverified:
    """What a token says of itself. Nothing of it is known to be true. Read-only; made by jwt.unverified.peek only.

    A verifier takes it in place of the text, checks all that it checks of a text, and spares the second parsing. What
    it was parsed to is held to its octets: it is handed out only for the very octets that it was parsed from, and only
    to a verifier with the very Limits that it was parsed under; any other parses for itself.

    Attributes:
        octets: The token.
        header: Its protected header, as it says.
        claims: Its claims, as it says.
    """

    __slots__ = ("_origin", "claims", "header")

    header: FrozenDict
    claims: FrozenDict
    _origin: tuple[bytes, Limits, bytes, bytes]

    def __init__(self, *_: object, **__: object) -> None:
        msg = "An Unverified is made by jwt.unverified.peek only."
        raise TypeError(msg)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "An Unverified is read-only."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __init_subclass__(cls) -> NoReturn:
        msg = "An Unverified is not subclassed: a subclass could give other claims than its octets."
        raise TypeError(msg)

    def __reduce__(self) -> NoReturn:
        msg = "An Unverified is not copied or pickled: pass the token itself."
        raise TypeError(msg)

    def __repr__(self) -> str:
        return "<Unverified: nothing of this is known to be true>"

    @property
    def octets(self) -> bytes:
        return self._origin[0]

    def header_in(self, segment: bytes, limits: Limits) -> FrozenDict | None:
        """The header, if it was parsed from this segment under these limits; else None."""
        _, parsed_under, parsed, _ = self._origin
        return self.header if parsed == segment and parsed_under is limits else None

    def claims_in(self, payload: bytes, limits: Limits) -> FrozenDict | None:
        """The claims, if they were parsed from this payload under these limits; else None."""
        _, parsed_under, _, parsed = self._origin
        return self.claims if parsed == payload and parsed_under is limits else None


Token: TypeAlias = str | bytes | Unverified
"""A compact token: its text, its octets, or what peek made of them."""
