"""The fluent form that JJWT made known: it writes what it is told, in the order it is told, and nothing else.

Where a Signer adds ``typ``, ``kid``, ``iat`` and ``exp``, a builder adds ``alg`` alone, so that tokens of other systems
come out to the letter. For new code use a Signer: a token that was told no ``exp`` never ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from ..encoding import dump_json, encode_segment
from ..errors import InvalidHeaderError, PolicyError, quoted
from ..header import check as check_header
from ..jwk.key import Key
from ..jws.signer import Signer as ExternalSigner
from ..jws.signer import algorithm_of, produce
from .claims import check_types, claim_date
from .compression import ALGORITHM, deflate

__all__ = ["Builder", "builder"]


class Builder:
    """Collects a token's header and claims; each method gives the builder back."""

    __slots__ = ("_claims", "_compressed", "_header", "_key")

    def __init__(self) -> None:
        self._header: dict[str, Any] = {}
        self._claims: dict[str, Any] = {}
        self._key: Key | ExternalSigner | None = None
        self._compressed = False

    def header(self, name: str, value: Any) -> Self:
        """Set a header parameter; ``alg`` is the key's."""
        if name in {"alg", "b64", "crit"}:
            raise InvalidHeaderError(f"{name!r} is not a builder's to set.")
        self._header[name] = value
        return self

    def claim(self, name: str, value: Any) -> Self:
        """Set a claim; one of the registered ones must have its type (RFC 7519 section 4.1)."""
        if not isinstance(name, str):
            raise PolicyError(f"A claim's name is a string, not {quoted(type(name).__name__)}.")
        if name in {"exp", "nbf", "iat"}:
            value = claim_date(name, value)
        check_types({name: value})
        self._claims[name] = value
        return self

    def claims(self, claims: Mapping[str, Any]) -> Self:
        """Set several claims, in their order."""
        for name, value in claims.items():
            self.claim(name, value)
        return self

    def issuer(self, issuer: str) -> Self:
        """Set ``iss``."""
        return self.claim("iss", issuer)

    def subject(self, subject: str) -> Self:
        """Set ``sub``."""
        return self.claim("sub", subject)

    def audience(self, audience: str | Iterable[str]) -> Self:
        """Set ``aud``."""
        return self.claim("aud", audience if isinstance(audience, str) else list(audience))

    def expiration(self, moment: Any) -> Self:
        """Set ``exp``: seconds since 1970, or an aware datetime."""
        return self.claim("exp", moment)

    def not_before(self, moment: Any) -> Self:
        """Set ``nbf``."""
        return self.claim("nbf", moment)

    def issued_at(self, moment: Any) -> Self:
        """Set ``iat``."""
        return self.claim("iat", moment)

    def id(self, identifier: str) -> Self:
        """Set ``jti``."""
        return self.claim("jti", identifier)

    def sign_with(self, key: Key | ExternalSigner) -> Self:
        """Set the key, and with it the algorithm."""
        algorithm_of(key)
        self._key = key
        return self

    def compress(self) -> Self:
        """Compress the payload as JJWT does, with ``calg`` in the header; recipients need the quirk ``jjwt-calg``."""
        self._compressed = True
        return self

    def compact(self) -> str:
        """Sign and serialize.

        Raises:
            PolicyError: There is no key, or a value cannot be written as JSON.
            KeyMaterialError: The key cannot sign.
        """
        if self._key is None:
            raise PolicyError(
                "There is no key to sign with.", help="Say .sign_with(key); unsigned tokens are not made."
            )
        header = {"alg": algorithm_of(self._key).name, **self._header}
        payload = dump_json(self._claims)
        if self._compressed:
            header["calg"], payload = ALGORITHM, deflate(payload)
        check_header(header)
        signing_input = encode_segment(dump_json(header)) + b"." + encode_segment(payload)
        return (signing_input + b"." + encode_segment(produce(self._key, signing_input))).decode("ascii")


def builder() -> Builder:
    """Start a token in the fluent form.

    >>> from undersign import jwk, jwt
    >>> key = jwk.secret(base64="Yn2kjibddFAWtnPJ2AFlL8WXmohJMCvigQggaEypa5E=", alg="HS256")
    >>> jwt.builder().issuer("Stormpath").claim("hasMotorcycle", True).sign_with(key).compact().count(".")
    2
    """
    return Builder()
