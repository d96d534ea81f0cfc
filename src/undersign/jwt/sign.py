"""Mint a signed JWT (RFC 7519 section 7.1)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..encoding import b64url_encode, encode_json
from ..errors import ClaimTypeError, PolicyError
from ..jwk.key import Key
from ..jws.signer import Signer as ExternalSigner
from ..jws.signer import header_segment, produce
from .claims import check_types, numeric_date, seconds

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["Signer", "sign"]

_DATES: Final = frozenset({"exp", "nbf", "iat", "auth_time"})
_REGISTERED: Final = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti"})


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

    __slots__ = ("_clock", "_fixed", "_key", "_lifetime", "_prefix", "_taken")

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
        self._key = key
        extra = {**({} if typ is None else {"typ": typ}), **(header or {})}
        if extra.get("b64") is not None or "b64" in extra.get("crit", ()):
            raise PolicyError("A JWT's payload is always encoded (RFC 7797 section 7).")
        self._prefix = header_segment(key, extra) + b"."
        self._lifetime = None if lifetime is None else seconds(lifetime, "lifetime")
        self._clock = clock
        fixed: dict[str, Any] = {} if issuer is None else {"iss": issuer}
        if audience is not None:
            fixed["aud"] = audience if isinstance(audience, str) else list(audience)
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
        own = dict(claims or {})
        if not self._taken.isdisjoint(own):
            raise PolicyError(
                f"{', '.join(sorted(self._taken & own.keys()))}: this signer writes it.",
                help="Leave it out of the claims, or out of the Signer.",
            )
        if not _REGISTERED.isdisjoint(own) or "auth_time" in own:
            for name in _DATES & own.keys():
                own[name] = numeric_date(own[name])
            _check_types(own)
        signing_input = self._prefix + b64url_encode(self._payload(own)).encode("ascii")
        return f"{signing_input.decode('ascii')}.{b64url_encode(produce(self._key, signing_input))}"

    def _payload(self, own: dict[str, Any]) -> bytes:
        now = int(self._clock())
        parts = [self._fixed] if self._fixed else []
        if "iat" not in own and self._lifetime is not None:
            parts.append(f'"iat":{now}')
        if "exp" not in own and self._lifetime is not None:
            parts.append(f'"exp":{int(own.get("iat", now) + self._lifetime)}')
        if own:
            parts.append(encode_json(own)[1:-1])
        return f"{{{','.join(parts)}}}".encode()


def _check_types(claims: Mapping[str, Any]) -> None:
    for name in ("iss", "sub", "aud", "exp", "nbf", "iat", "jti"):
        if name in claims and claims[name] is None:
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
