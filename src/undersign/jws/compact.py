"""Verify the JWS Compact Serialization (RFC 7515 sections 5.2 and 7.1)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, NoReturn, TypeAlias, cast

from ..encoding import FrozenDict, b64url_decode_padded, decode_segment
from ..errors import AlgorithmNotAllowedError, LimitError, MalformedTokenError, PolicyError, quoted
from ..header import EMPTY, JOSEHeader, names_of
from ..header import parse as parse_header
from ..jwa.signature import named
from ..jwk.key import Key
from ..jwks.keyset import Header, Keys, as_source
from ..limits import DEFAULT, Limits
from .detached import signing_input as joined
from .verified import SignatureReport, VerifiedJWS, seal

__all__ = ["CompactVerifier", "token_octets", "verify"]

QUIRKS: Final = frozenset({"padding", "short-secret"})
_CACHED_OCTETS: Final = 64 * 1024
_BOUND_KEYS: Final = 64


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


class _Deferred:
    """In place of a key, until a source that reads the header was asked: it has no algorithm, so it serves nothing."""

    alg: Final = None


_DEFERRED: Final = cast("Key", _Deferred())


def _defer(_kid: str | None, _x5t_s256: str | None, _alg: str) -> Key:
    return _DEFERRED


class CompactVerifier:
    """A compiled way to open compact tokens: build once, use many times, from any thread.

    Args:
        keys: A Key, a list of keys, a KeySet or another KeySource.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        understood: Critical header extensions that the caller processes.
        quirks: Leniency by name: ``padding`` (of payload and signature), ``short-secret``.
        limits: Caps.
        cap: The longest token, in octets; ``limits.token`` unless given.

    Raises:
        PolicyError, KeyMaterialError, AlgorithmNotAllowedError: The policy does not make sense.
    """

    __slots__ = (
        "_algorithms",
        "_bound",
        "_cap",
        "_decode",
        "_find",
        "_find_for",
        "_headers",
        "_room",
        "_understood",
        "limits",
        "quirks",
    )

    def __init__(
        self,
        keys: Keys,
        *,
        algorithms: Iterable[str] | None = None,
        understood: Collection[str] = (),
        quirks: Collection[str] = (),
        limits: Limits = DEFAULT,
        cap: int | None = None,
    ) -> None:
        self.quirks = _named_quirks(quirks)
        self._algorithms = None if algorithms is None else _named_algorithms(algorithms)
        source = as_source(keys, self._algorithms, short_secret="short-secret" in self.quirks)
        # A source that reads the header is asked in _allow, where all that does not match ends up: others pay nothing.
        self._find_for: Callable[[Header], Key] | None = getattr(source, "find_for", None)
        self._find = source.find if self._find_for is None else _defer
        if "short-secret" in self.quirks and source is keys:
            self._find = _with_short_secrets(self._find)
        self._understood = frozenset(names_of(understood, "understood"))
        if not isinstance(limits, Limits):
            raise PolicyError("limits is a Limits object.")
        self.limits = limits
        self._cap = limits.token if cap is None else cap
        self._decode: Callable[[bytes], bytes] = b64url_decode_padded if "padding" in self.quirks else decode_segment
        self._headers: dict[bytes, JOSEHeader] = {}
        self._room = _CACHED_OCTETS
        self._bound: dict[tuple[int, str], tuple[Key, Key]] = {}

    def open(self, token: Token) -> tuple[JOSEHeader, bytes, Key]:
        """Verify an attached token; header, payload and the key that holds.

        Raises:
            UndersignError: Whatever is wrong with it.
        """
        # 1. Octets, and not too many (RFC 7515 section 5.2 step 1).
        octets = token.encode("ascii") if type(token) is str and token.isascii() else token_octets(token)
        if len(octets) > self._cap:
            raise LimitError(f"The token is longer than {self._cap} octets.")
        # 2. Three segments.
        segments = octets.split(b".", 3)
        if len(segments) != 3:
            raise MalformedTokenError("A compact JWS has three segments with two dots between them.")
        protected, payload, signature = segments
        # 3. The header, of which only a parse that a good signature has confirmed is remembered (steps 2 to 5).
        known = self._headers.get(protected)
        if known is None:
            read = token.header_in(protected, self.limits) if type(token) is Unverified else None
            header = parse_header(protected, self.limits, self._understood, read)
        else:
            header = known
        # 4. The key, chosen anew each time: another client may send this very segment.
        key = self._find(header.kid, header.x5t_s256, header.alg)
        if key.alg != header.alg or self._algorithms is not None:
            key = self._allow(key, header)
        # 5. The signature (steps 7 and 8).
        key.verify(octets[: -1 - len(signature)], self._decode(signature))
        if known is None:
            self._remember(protected, header)
        # 6. The payload (step 6; the signature covers it encoded).
        return header, self._decode(payload) if header.encoded else _unencoded(payload), key

    def open_detached(self, token: str | bytes, payload: bytes) -> tuple[JOSEHeader, bytes, Key]:
        """Verify a token whose payload travels elsewhere; header, payload and the key that holds.

        Raises:
            MalformedTokenError: The token carries a payload as well, so two readers could read two contents.
            UndersignError: Whatever else is wrong with it.
        """
        if not isinstance(payload, (bytes, bytearray)):
            raise PolicyError("The detached payload is bytes.")
        octets = token_octets(token)
        if len(octets) > self.limits.token or len(payload) > self.limits.payload:
            raise LimitError(
                f"The token is longer than {self.limits.token} octets, or its payload than {self.limits.payload}."
            )
        parts = octets.split(b".", 3)
        if len(parts) != 3:
            raise MalformedTokenError("A compact JWS has three segments with two dots between them.")
        if parts[1]:
            raise MalformedTokenError(
                "The token carries a payload although a detached one was given.", help="Leave payload= out."
            )
        header = self.parse_header(parts[0])
        content = bytes(payload)
        key = self.check(header, joined(parts[0], content, encoded=header.encoded), parts[2])
        return header, content, key

    def choose(self, header: JOSEHeader) -> Key:
        """Choose the key for a parsed header.

        Raises:
            KeySelectionError, AlgorithmNotAllowedError: No one key is the one.
        """
        key = self._find(header.kid, header.x5t_s256, header.alg)
        if key.alg != header.alg or self._algorithms is not None:
            key = self._allow(key, header)
        return key

    def check(self, header: JOSEHeader, signing_input: bytes, signature: bytes) -> Key:
        """Choose the key for a parsed header and verify one signature with it; the key that holds.

        Raises:
            UndersignError: No key can be chosen, or the signature does not hold.
        """
        key = self.choose(header)
        key.verify(signing_input, self._decode(signature))
        return key

    def parse_header(self, segment: bytes) -> JOSEHeader:
        """Parse a protected header under this policy."""
        return parse_header(segment, self.limits, self._understood)

    def _allow(self, key: Key, header: JOSEHeader) -> Key:
        """Ask a source that reads the header, hold the key against the caller's list, bind it if it names nothing."""
        alg = header.alg
        if self._find_for is not None:
            key = self._find_for(header)
            if key.alg == alg and self._algorithms is None:
                return key
        if self._algorithms is None or alg not in self._algorithms:
            raise AlgorithmNotAllowedError(f"{quoted(alg)} is not an algorithm that this verifier accepts.")
        if key.alg == alg:
            return key
        known = self._bound.get((id(key), alg))
        if known is None:
            if len(self._bound) >= _BOUND_KEYS:
                self._bound.clear()
            bound = key.bound(alg)
            if "short-secret" in self.quirks:
                bound = bound.with_short_secret()
            known = self._bound[id(key), alg] = (key, bound)  # holding the key keeps its id its own
        return known[1]

    def _remember(self, segment: bytes, header: JOSEHeader) -> None:
        if len(segment) > self._room:
            self._headers = {}
            self._room = _CACHED_OCTETS
        self._headers[segment] = header
        self._room -= len(segment)


def verify(token: str | bytes, verifier: CompactVerifier, payload: bytes | None = None) -> VerifiedJWS:
    """Verify a compact token; ``payload`` is the detached content, or None where the token carries it.

    Raises:
        UndersignError: Whatever is wrong with it.
    """
    checks = ("signature", *sorted(verifier.quirks))
    if payload is None:
        header, content, key = verifier.open(token)
    else:
        header, content, key = verifier.open_detached(token, payload)
    return seal(content, (SignatureReport(header.members, EMPTY, key, None),), checks)


def token_octets(token: object) -> bytes:
    """The octets of a compact token, which is ASCII (RFC 7515 section 7.1).

    Raises:
        MalformedTokenError: It is something else.
    """
    try:
        if isinstance(token, str):
            return token.encode("ascii")
    except UnicodeEncodeError:
        raise MalformedTokenError("The token holds a character outside ASCII.") from None
    if isinstance(token, (bytes, bytearray)):
        return bytes(token)
    if isinstance(token, Unverified):
        return token.octets
    raise MalformedTokenError(
        f"A compact token is a string or bytes, not {type(token).__name__}.", help="Pass the token's text."
    )


def _unencoded(payload: bytes) -> bytes:
    # RFC 7797 section 5.2: an attached, unencoded payload is printable ASCII without a dot.
    if not all(0x20 <= octet <= 0x7E for octet in payload):
        raise MalformedTokenError(
            "An unencoded payload of a compact JWS holds only printable ASCII without dots (RFC 7797 section 5.2)."
        )
    return payload


def _with_short_secrets(find: Callable[..., Key]) -> Callable[..., Key]:
    """Let a source of the caller's give secrets below the hash's length."""
    return lambda *sought: find(*sought).with_short_secret()


def _named_quirks(quirks: Collection[str]) -> frozenset[str]:
    names = frozenset(names_of(quirks, "quirks"))
    if names - QUIRKS:
        raise PolicyError(
            f"There is no quirk named {quoted(min(names - QUIRKS))}.",
            help="The quirks are: " + ", ".join(sorted(QUIRKS)) + ".",
        )
    return names


def _named_algorithms(algorithms: Iterable[str]) -> tuple[str, ...]:
    names = names_of(algorithms, "algorithms")
    if not names:
        raise PolicyError("algorithms names nothing, so every token would be refused.")
    return tuple(named(alg).name for alg in names)
