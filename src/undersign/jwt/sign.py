"""Mint a signed JWT (RFC 7519 section 7.1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..encoding import encode_flat, encode_json, encode_segment, to_utf8
from ..errors import ClaimTypeError, PolicyError
from ..header import names_of
from ..jwk.key import Key
from ..jws.signer import Signer as ExternalSigner
from ..jws.signer import header_segment, produce
from .claims import LATEST, check_types, claim_date, seconds

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Signer", "sign"]

_KINDS: Final = {
    "iss": "string",
    "sub": "string",
    "jti": "string",
    "aud": "audience",
    "exp": "date",
    "nbf": "date",
    "iat": "date",
    "auth_time": "date",
}


class Signer:
    """An issuer's way of minting: build it once, use it from any thread.

    Writes ``typ`` and the key's ``kid`` into the header, and ``iss``, ``aud``, ``iat`` and ``exp`` into the claims.

    Args:
        key: A private Key, a secret, or anything with alg, kid and sign(signing_input).
        issuer: ``iss`` of every token.
        audience: ``aud`` of every token.
        lifetime: How long a token lives: ``"15m"``, a timedelta or seconds. None must be written out, and mints tokens
            without end. An ``exp`` in the claims wins.
        typ: The header's ``typ``; None leaves it out.
        header: Further members of the protected header.
        clock: What tells the time, in seconds since 1970.
        deterministic: For ECDSA, RFC 6979 nonces in place of hedged ones.

    Raises:
        PolicyError, InvalidHeaderError, KeyMaterialError: The key cannot sign, or an argument makes no sense.
    """

    __slots__ = ("_clock", "_fixed", "_lifetime", "_prefix", "_sign", "_taken")

    def __init__(
        self,
        key: Key | ExternalSigner,
        *,
        issuer: str | None = None,
        audience: str | Iterable[str] | None = None,
        lifetime: str | timedelta | float | None = "15m",
        typ: str | None = "JWT",
        header: Mapping[str, Any] | None = None,
        clock: Callable[[], float] = time.time,
        deterministic: bool = False,
    ) -> None:
        if deterministic and isinstance(key, Key):
            key = key.deterministic()
        self._sign = key.sign if isinstance(key, Key) else partial(produce, key)
        self._prefix = header_segment(key, _header(typ, header)) + b"."
        self._lifetime = None if lifetime is None else seconds(lifetime, "lifetime")
        if self._lifetime == 0:
            raise PolicyError("A lifetime of nothing mints tokens that have expired.")
        if not callable(clock):
            raise PolicyError("clock is a function that gives the time in seconds since 1970.")
        self._clock = clock
        fixed: dict[str, Any] = {} if issuer is None else {"iss": issuer}
        if audience is not None:
            fixed["aud"] = audience if isinstance(audience, str) else list(names_of(audience, "audience"))
        _check_types(fixed)
        self._taken = frozenset(fixed)
        # The claims that every token shares are written once, as the start of the JSON text.
        self._fixed = encode_json(fixed)[1:-1]

    def sign(self, claims: Mapping[str, Any] | None = None) -> str:
        """Mint a token.

        Args:
            claims: Its claims; dates as numbers or aware datetimes.

        Raises:
            PolicyError: A claim is what this signer writes itself, or cannot be written as JSON.
            ClaimTypeError: A registered claim has the wrong type.
            KeyMaterialError: The key cannot sign.
        """
        own = dict(claims) if type(claims) is dict else _copied(claims)
        if not self._taken.isdisjoint(own):
            raise PolicyError(
                f"{', '.join(sorted(self._taken & own.keys()))}: this signer writes it.",
                help="Leave it out of the claims, or out of the Signer.",
            )
        text = encode_flat(own) if _prepare(own) else encode_json(own)
        signing_input = self._prefix + encode_segment(to_utf8(self._payload(own, text[1:])))
        return (signing_input + b"." + encode_segment(self._sign(signing_input))).decode("ascii")

    def _payload(self, own: dict[str, Any], rest: str) -> str:
        """Write the object: the fixed claims, the times that this signer adds, then the caller's."""
        if self._lifetime is None or ("iat" in own and "exp" in own):
            return f"{{{self._fixed}{',' if self._fixed and own else ''}{rest}"
        start = f"{{{self._fixed}{',' if self._fixed else ''}"
        rest = "," + rest if own else rest
        now = int(self._clock())
        if "iat" in own:
            return f'{start}"exp":{int(own["iat"] + self._lifetime)}{rest}'
        if "exp" in own:
            return f'{start}"iat":{now}{rest}'
        return f'{start}"iat":{now},"exp":{int(now + self._lifetime)}{rest}'


def _header(typ: str | None, header: Mapping[str, Any] | None) -> dict[str, Any]:
    if header is not None and not isinstance(header, Mapping):
        raise PolicyError("header is a mapping of header parameters.")
    members = {**({} if typ is None else {"typ": typ}), **(header or {})}
    if "typ" in members and not members["typ"]:
        raise PolicyError("An empty typ says nothing.", help="Leave it out with typ=None.")
    if "b64" in members:
        raise PolicyError("A JWT's payload is always encoded (RFC 7797 section 7).")
    return members


def _copied(claims: object) -> dict[str, Any]:
    if claims is None:
        return {}
    if not isinstance(claims, Mapping):
        raise PolicyError("The claims are a mapping of names to values.")
    return dict(claims)


def _prepare(own: dict[str, Any]) -> bool:
    """Check and normalise the registered claims in place; tell whether the object is flat, its names all strings."""
    flat = True
    for name, value in own.items():
        kind = _KINDS.get(name)
        if kind is None:
            if type(name) is not str or isinstance(value, (dict, list, tuple)):
                flat = False
        elif kind == "date":
            if type(value) is not int or not 0 <= value <= LATEST:
                own[name] = claim_date(name, value)  # the set of names stays as it is
        elif type(value) is not str:
            _check_types(own)
            flat = False
    return flat


def _check_types(claims: Mapping[str, Any]) -> None:
    for name, kind in _KINDS.items():
        if kind != "date" and name in claims and claims[name] is None:
            raise ClaimTypeError(name, f"The claim {name!r} is null.", help="Leave it out.")
    check_types(claims)


def sign(
    claims: Mapping[str, Any],
    key: Key | ExternalSigner,
    *,
    issuer: str | None = None,
    audience: str | Iterable[str] | None = None,
    lifetime: str | timedelta | float | None = "15m",
    typ: str | None = "JWT",
    header: Mapping[str, Any] | None = None,
) -> str:
    """Mint one token; sugar over Signer, whose arguments these are.

    Raises:
        UndersignError: As Signer and Signer.sign.
    """
    return Signer(key, issuer=issuer, audience=audience, lifetime=lifetime, typ=typ, header=header).sign(claims)
