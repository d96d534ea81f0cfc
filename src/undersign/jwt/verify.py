"""START HERE: verify a signed JWT (RFC 7519 section 7.2, RFC 8725).

A Verifier is a compiled policy, as a regular expression is: build it once, use it from any thread. What `verify`
returns is evidence; what it cannot accept, it raises.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..encoding import FrozenDict, freeze, parse_object
from ..errors import InvalidHeaderError, InvalidJSONError, PolicyError, UnknownKeyError
from ..header import names_of
from ..jwks.keyset import Keys
from ..jws.compact import CompactVerifier, Token, Unverified
from ..limits import DEFAULT, Limits
from .expectation import Expectation
from .verified import VerifiedJWT, seal

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from types import EllipsisType

__all__ = ["CALG", "Verifier", "verify"]

CALG: Final = "jjwt-calg"


class Verifier:
    """A recipient's policy for JWTs: whose keys, and what must be true.

    Args:
        keys: A public Key or a secret, a list of them, a KeySet or another KeySource.
        issuer: The one accepted ``iss``; needed unless ``"iss"`` is waived.
        audience: The accepted ``aud``, or several of which the token must name one; needed unless ``"aud"`` is waived.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        typ: The accepted ``typ``, or several; None among them means absent. Unless said: absent or ``JWT``.
        require: Claims that must be there, with the value they must equal, or ``...`` for any.
        waive: Names among iss, aud, exp and typ that need not be there.
        leeway: How far clocks may differ: ``"30s"``, a timedelta or seconds.
        max_age: How long ago the token may have been issued.
        understood: Critical header extensions that your code processes.
        quirks: Leniency by name: ``padding``, ``short-secret``, ``jjwt-calg``. Each shows in ``checks``.
        clock: What tells the time, in seconds since 1970.
        limits: Caps.
        codec: ``json``, or ``msgspec`` for speed with that package; it reads the last of two members of one name.

    Raises:
        PolicyError: The policy is incomplete or contradicts itself; the message has the line that would fix it.
        KeyMaterialError, AlgorithmNotAllowedError: The keys cannot serve it.
    """

    __slots__ = ("_checks", "_clock", "_expectation", "_inflate", "_limits", "_open", "_parse", "_typs")

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str | None = None,
        audience: str | Iterable[str] | None = None,
        algorithms: Iterable[str] | None = None,
        typ: str | Iterable[str | None] | None = None,
        require: Mapping[str, Any | EllipsisType] | Iterable[str] = (),
        waive: Collection[str] = (),
        leeway: str | timedelta | float = 0,
        max_age: str | timedelta | float | None = None,
        understood: Collection[str] = (),
        quirks: Collection[str] = (),
        clock: Callable[[], float] = time.time,
        limits: Limits = DEFAULT,
        codec: str = "json",
    ) -> None:
        self._expectation = Expectation(
            issuer=issuer, audience=audience, typ=typ, require=require, waive=waive, leeway=leeway, max_age=max_age
        )
        lenient = frozenset(names_of(quirks, "quirks"))
        compact = CompactVerifier(
            keys,
            algorithms=algorithms,
            understood=understood,
            quirks=lenient - {CALG},
            limits=limits,
            cap=getattr(limits, "jwt", 0),
        )
        self._open = compact.open
        self._checks = (*self._expectation.checks, *(f"quirk:{name}" for name in sorted(lenient)))
        self._inflate = _inflater() if CALG in lenient else None
        self._parse = _parser(codec)
        self._typs = self._expectation.types
        if not callable(clock):
            raise PolicyError("clock is a function that gives the time in seconds since 1970.")
        self._clock = clock
        self._limits = limits

    def verify(self, token: Token) -> VerifiedJWT:
        """Verify a token, wholly; one that was peeked at is checked as wholly, and parsed once.

        Raises:
            TokenError: The token is refused; ClaimError and its kinds say which claim and why.
            KeyMaterialError: No key can be chosen, or the one chosen cannot serve.
            LimitError: The token is larger than the limits allow.
        """
        # 1. Structure, header, key and signature (RFC 7519 section 7.2 steps 1 to 7).
        header, payload, key = self._open(token)
        # 2. The kind of token (RFC 8725 section 3.11), of which none may have an unencoded payload.
        if not header.encoded:
            raise InvalidHeaderError("'b64' is false in a JWT (RFC 7797 section 7).")
        if header.typ not in self._typs:
            self._expectation.check_typ(header.typ)
        # 3. The Claims Set is one JSON object (step 10); what is compressed is inflated only now, by a quirk.
        if self._inflate is not None:
            payload = self._inflate(header.members, payload, self._limits)
        claims = self._parse(payload, self._limits) if type(token) is not Unverified else self._read(token, payload)
        # 4. What the recipient requires of it (section 4.1).
        self._expectation.check(claims, self._clock())
        return seal(claims, header.members, key, self._checks)

    def _read(self, token: Unverified, payload: bytes) -> FrozenDict:
        """The claims in a verified payload: as peek parsed them, if from these octets and as this verifier would."""
        known = token.claims_in(payload, self._limits) if self._parse is parse_object else None
        return self._parse(payload, self._limits) if known is None else known

    async def averify(self, token: Token) -> VerifiedJWT:
        """Verify in async code: where the key is unknown, refresh a source that can, once, and try again."""
        try:
            return self.verify(token)
        except UnknownKeyError as error:
            refresh = getattr(error.source, "refresh", None)
            if refresh is None:
                raise
        await refresh()
        return self.verify(token)


def verify(
    token: Token,
    keys: Keys,
    *,
    issuer: str | None = None,
    audience: str | Iterable[str] | None = None,
    algorithms: Iterable[str] | None = None,
    typ: str | Iterable[str | None] | None = None,
    require: Mapping[str, Any | EllipsisType] | Iterable[str] = (),
    waive: Collection[str] = (),
    leeway: str | timedelta | float = 0,
    max_age: str | timedelta | float | None = None,
    now: float | datetime | None = None,
    understood: Collection[str] = (),
    quirks: Collection[str] = (),
    limits: Limits = DEFAULT,
) -> VerifiedJWT:
    """Verify one token; sugar over Verifier, whose arguments these are. ``now`` is the moment to judge by.

    Raises:
        UndersignError: As Verifier and Verifier.verify.
    """
    from .claims import numeric_date

    moment = None if now is None else numeric_date(now)
    return Verifier(
        keys,
        issuer=issuer,
        audience=audience,
        algorithms=algorithms,
        typ=typ,
        require=require,
        waive=waive,
        leeway=leeway,
        max_age=max_age,
        understood=understood,
        quirks=quirks,
        clock=time.time if moment is None else lambda: moment,
        limits=limits,
    ).verify(token)


def _inflater() -> Callable[[Mapping[str, Any], bytes, Limits], bytes]:
    from .compression import inflate, is_compressed  # zlib, which other tokens do not need

    def payload_of(header: Mapping[str, Any], payload: bytes, limits: Limits) -> bytes:
        return inflate(payload, limits.inflated) if is_compressed(header) else payload

    return payload_of


def _parser(codec: str) -> Callable[[bytes, Limits], FrozenDict]:
    if codec == "json":
        return parse_object
    if codec == "msgspec":
        return _msgspec_parser()
    raise PolicyError("The codec is 'json' or 'msgspec'.")


def _msgspec_parser() -> Callable[[bytes, Limits], FrozenDict]:
    try:
        import msgspec
    except ImportError:
        raise PolicyError(
            "The msgspec codec needs the package msgspec.", help="pip install 'undersign[fast]'"
        ) from None
    decoder: Final = msgspec.json.Decoder(dict[str, Any])

    def parse(payload: bytes, _: Limits) -> FrozenDict:
        try:
            claims: FrozenDict = freeze(decoder.decode(payload))
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            raise InvalidJSONError("The Claims Set is not a JSON object.") from None
        return claims

    return parse
