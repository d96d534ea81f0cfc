"""Sign: compact, flattened, general, detached, unencoded, and for keys that are elsewhere (RFC 7515 section 5.1)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Final, Literal, overload

from ..encoding import b64url_encode, decode_segment, encode_flat, encode_segment, freeze, to_utf8
from ..errors import LimitError, MalformedTokenError, PolicyError
from ..jwk.key import Key
from ..limits import DEFAULT
from .detached import check_attachable, signing_input
from .json import content_of, entries, parse
from .signer import By, Signer, algorithm_of, header_segment, octets_of, produce

__all__ = ["CompactSigner", "Prepared", "add_signature", "prepare", "sign"]

SERIALIZATIONS: Final = ("compact", "flattened", "general")


class Prepared:
    """A JWS that waits for its signature: sign ``signing_input``, or ``digest``, elsewhere and attach the result.

    Attributes:
        alg: The algorithm to sign with.
        signing_input: The octets to sign.
        digest: Their digest, for a signer that takes one; None where the algorithm hashes inside.
    """

    __slots__ = ("_by", "_content", "_protected", "_serialization", "alg", "digest", "signing_input")

    def __init__(self, by: By, payload: bytes, serialization: str, *, detached: bool, b64: bool) -> None:
        row = algorithm_of(by.key)
        segment = header_segment(by.key, by.protected, by.header, encoded=b64)
        self.alg = row.name
        self.signing_input = signing_input(segment, payload, encoded=b64)
        self.digest = (
            hashlib.new(row.hash_name, self.signing_input).digest() if row.prehashed and row.hash_name else None
        )
        self._by = by
        self._protected = segment.decode("ascii")
        self._content = None if detached else (b64url_encode(payload) if b64 else payload.decode("utf-8"))
        self._serialization = serialization

    def attach(self, signature: bytes) -> str | dict[str, Any]:
        """Complete the JWS, after verifying the signature wherever the public key is known.

        Args:
            signature: JOSE signature octets: for ECDSA R and S side by side, not DER.

        Raises:
            InvalidSignatureError: It does not verify; nothing is released.
            UnusableKeyError: It is no octets.
        """
        octets = octets_of(signature)
        key = self._by.key
        public = key if isinstance(key, Key) else getattr(key, "public", None)
        public = public() if callable(public) else public
        if isinstance(public, Key):
            public.verify(self.signing_input, octets)
        return self._complete(octets)

    def _complete(self, signature: bytes) -> str | dict[str, Any]:
        if self._serialization == "compact":
            return f"{self._protected}.{self._content or ''}.{b64url_encode(signature)}"
        return self._in_json(signature)

    def _in_json(self, signature: bytes) -> dict[str, Any]:
        entry: dict[str, Any] = {"protected": self._protected}
        if self._by.header:
            entry["header"] = _plain(freeze(self._by.header))
        entry["signature"] = b64url_encode(signature)
        content = {} if self._content is None else {"payload": self._content}
        return {**content, **entry} if self._serialization == "flattened" else {**content, "signatures": [entry]}


@overload
def sign(
    payload: bytes,
    key: Key | Signer,
    *,
    header: Mapping[str, Any] | None = None,
    serialization: Literal["compact"] = "compact",
    detached: bool = False,
    b64: bool = True,
) -> str: ...
@overload
def sign(
    payload: bytes,
    key: Key | Signer | By | Sequence[By | Key | Signer],
    *,
    header: Mapping[str, Any] | None = None,
    serialization: Literal["flattened", "general"],
    detached: bool = False,
    b64: bool = True,
) -> dict[str, Any]: ...
def sign(
    payload: bytes,
    key: Key | Signer | By | Sequence[By | Key | Signer],
    *,
    header: Mapping[str, Any] | None = None,
    serialization: str = "compact",
    detached: bool = False,
    b64: bool = True,
) -> str | dict[str, Any]:
    """Sign octets.

    Args:
        payload: What is signed: up to half of Limits.token octets, detached up to Limits.payload.
        key: A private Key, a secret, any Signer, or a By with headers of its own; for several signers a list of them.
        header: Further members of the protected header; ``alg`` and ``kid`` come from the key.
        serialization: ``compact``, ``flattened`` or ``general``.
        detached: Leave the payload out; the recipient must have it (RFC 7515 appendix F).
        b64: False signs the payload as it is, not base64url-encoded (RFC 7797).

    Returns:
        A string for ``compact``, else a dict.

    Raises:
        KeyMaterialError: The key cannot sign.
        InvalidHeaderError, PolicyError: The header or the combination of arguments is not one that the standards allow.
    """
    if isinstance(key, (list, tuple)):
        if header is not None or serialization != "general" or not key:
            raise PolicyError(
                "Several signers make a general serialization, each with its own headers.",
                help='Write jws.sign(payload, [jws.By(key, protected={...}), ...], serialization="general").',
            )
        return _sign_general(payload, key, detached=detached, b64=b64)
    prepared = prepare(payload, key, header=header, serialization=serialization, detached=detached, b64=b64)  # type: ignore[arg-type]
    return prepared._complete(produce(prepared._by.key, prepared.signing_input))


def _sign_general(payload: bytes, parties: Sequence[By | Key | Signer], *, detached: bool, b64: bool) -> dict[str, Any]:
    _check_payload(payload, detached=detached)
    jws: dict[str, Any] = {}
    signatures: list[dict[str, Any]] = []
    for party in parties:
        by = party if isinstance(party, By) else By(party)
        prepared = _prepare(payload, by, "general", detached=detached, b64=b64)
        jws = prepared._in_json(produce(by.key, prepared.signing_input))
        signatures += jws["signatures"]
    return {**jws, "signatures": signatures}


def prepare(
    payload: bytes,
    key: Key | Signer | By,
    *,
    header: Mapping[str, Any] | None = None,
    serialization: str = "compact",
    detached: bool = False,
    b64: bool = True,
) -> Prepared:
    """Build the signing input for a key that is elsewhere; takes and raises what `sign` does.

    The key may be a public one: it gives alg and kid, and lets ``attach`` verify what comes back.
    """
    _check_payload(payload, detached=detached)
    if isinstance(key, By) and header is not None:
        raise PolicyError("A By has its headers already.", help="Leave header= out.")
    by = key if isinstance(key, By) else By(key, protected=header)
    return _prepare(payload, by, serialization, detached=detached, b64=b64)


class CompactSigner:
    """A compiled way to sign in the compact serialization: one key, one header; build once, use from any thread.

    Args:
        key: A private Key, a secret, or anything with alg, kid and sign(signing_input).
        header: Members of the protected header, besides ``alg`` and ``kid``.
        names: Further members, whose values, which are strings, are given with each payload.

    Raises:
        PolicyError, InvalidHeaderError, KeyMaterialError: The key cannot sign, or the header is none of RFC 7515.
    """

    __slots__ = ("_names", "_segment", "_sign", "_text")

    def __init__(
        self, key: Key | Signer, *, header: Mapping[str, Any] | None = None, names: Collection[str] = ()
    ) -> None:
        header_segment(key, {**(header or {}), **dict.fromkeys(names, "any value")})
        self._segment = header_segment(key, header)
        self._text = decode_segment(self._segment).decode()[:-1]
        self._names = tuple(names)
        self._sign = key.sign if isinstance(key, Key) else partial(produce, key)

    def sign(self, payload: bytes, values: Mapping[str, str] | None = None, *, detached: bool = False) -> str:
        """Sign a payload.

        Args:
            payload: The content.
            values: The values of ``names``; all of them, and no others.
            detached: Leave the content out of the result (RFC 7515 appendix F).

        Raises:
            PolicyError: The payload is not bytes, or the values are not those that were announced.
            LimitError: The payload is too long.
            KeyMaterialError: The key cannot sign.
        """
        _check_payload(payload, detached=detached)
        segment = self._segment
        if self._names or values:
            segment = self._with(values or {})
        signing_input = segment + b"." + encode_segment(payload)
        signature = encode_segment(self._sign(signing_input))
        return b"".join((segment if detached else signing_input, b"." if not detached else b"..", signature)).decode()

    def _with(self, values: Mapping[str, str]) -> bytes:
        if values.keys() != set(self._names) or not all(type(value) is str for value in values.values()):
            raise PolicyError("The header's values are the strings that were announced, all of them and no others.")
        return encode_segment(to_utf8(self._text + "," + encode_flat(dict(values))[1:]))


def _prepare(payload: bytes, by: By, serialization: str, *, detached: bool, b64: bool) -> Prepared:
    if serialization not in SERIALIZATIONS:
        raise PolicyError(f"The serialization is one of {', '.join(SERIALIZATIONS)}.")
    if by.header and serialization == "compact":
        raise PolicyError("The compact serialization has no unprotected header.")
    if not b64 and not detached:
        _check_unencoded(payload, serialization)
    return Prepared(by, payload, serialization, detached=detached, b64=b64)


def _check_unencoded(payload: bytes, serialization: str) -> None:
    if serialization == "compact":
        check_attachable(payload)
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyError(
            "An unencoded payload in JSON must be UTF-8 text (RFC 7797 section 4.1).", help="Say detached=True."
        ) from None


def add_signature(token: Mapping[str, Any], key: Key | Signer | By, *, payload: bytes | None = None) -> dict[str, Any]:
    """Add a party's signature to the content of a JWS in JSON; the signatures that are there stay as they are.

    Args:
        token: A flattened or general JWS. It is not changed.
        key: The party's Key, Signer or By.
        payload: The content, where it is detached.

    Returns:
        A general JWS. The signatures already there were not verified.

    Raises:
        MalformedTokenError, PolicyError: The token is not a JWS in JSON, or full.
        KeyMaterialError: The key cannot sign.
    """
    if not isinstance(token, Mapping):
        raise MalformedTokenError("A signature is added to a JWS in JSON, given as a dict.")
    jws = parse(token, DEFAULT)
    found = entries(jws, DEFAULT, None)  # each recipient still checks crit for itself
    if len(found) >= DEFAULT.signatures:
        raise LimitError(f"The JWS has {len(found)} signatures already.")
    encoded = found[0].header.encoded
    detached = "payload" not in jws
    if detached == (payload is None):
        raise PolicyError("The payload is passed where it is detached, and only there.")
    content = content_of(jws, payload, encoded=encoded)
    _check_payload(content, detached=detached)
    added = _sign_general(content, [key], detached=detached, b64=encoded)
    old = (
        jws["signatures"]
        if "signatures" in jws
        else [{name: jws[name] for name in ("protected", "header", "signature") if name in jws}]
    )
    return {**added, "signatures": [*_plain(old), *added["signatures"]]}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value


def _check_payload(payload: object, *, detached: bool) -> None:
    if not isinstance(payload, (bytes, bytearray)):
        raise PolicyError("A payload is bytes.", help="Encode text yourself: payload.encode().")
    if len(payload) > (DEFAULT.payload if detached else DEFAULT.token // 2):
        how = "in one piece" if detached else "attached"
        raise LimitError(
            f"A payload of {len(payload)} octets is too long to be signed {how}.",
            help="Sign it detached: detached=True, up to Limits.payload.",
        )
