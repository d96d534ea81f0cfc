"""A verifier remembers parsed headers only: a key is chosen, and its state read, on every call (threat 1)."""

from __future__ import annotations

import pytest

from tests.attacks.forge import AUDIENCE, CLAIMS, ISSUER, NOW, token
from undersign import jwk, jwt
from undersign.errors import InvalidSignatureError, UnknownKeyError, UnsupportedCriticalError
from undersign.jwk import Key
from undersign.jws.compact import CompactVerifier


class Registry:
    """A key source whose answer changes, as one that reads a database does."""

    def __init__(self) -> None:
        self.key: Key | None = None
        self.asked = 0

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:  # noqa: ARG002 - KeySource's shape
        """Give the key of the moment."""
        self.asked += 1
        if self.key is None:
            raise UnknownKeyError("There is no key now.", source=self)
        return self.key


HEADER = {"alg": "ES256"}


def test_client_a_cannot_be_client_b_by_sending_the_same_header() -> None:
    """A's good token, remembered by a verifier that both share, does not let A's key sign for B."""
    registry, a, b = Registry(), jwk.generate("ES256"), jwk.generate("ES256")
    verifier = jwt.Verifier(registry, issuer=ISSUER, audience=AUDIENCE, clock=lambda: NOW)
    registry.key = a.public()
    for _ in range(3):
        assert verifier.verify(token(HEADER, CLAIMS, a.sign)).key is registry.key
    registry.key = b.public()
    with pytest.raises(InvalidSignatureError):
        verifier.verify(token(HEADER, CLAIMS, a.sign))
    assert verifier.verify(token(HEADER, CLAIMS, b.sign)).key is registry.key


def test_a_retired_key_stops_working_at_once() -> None:
    """After the source drops a key, the very token that verified a moment ago is refused."""
    registry, key = Registry(), jwk.generate("ES256")
    verifier = jwt.Verifier(registry, issuer=ISSUER, audience=AUDIENCE, clock=lambda: NOW)
    text = token(HEADER, CLAIMS, key.sign)
    registry.key = key.public()
    verifier.verify(text)
    registry.key = None
    with pytest.raises(UnknownKeyError):
        verifier.verify(text)
    assert registry.asked == 2


def test_a_refused_token_leaves_nothing_behind() -> None:
    """Headers of tokens whose signature does not hold are not remembered, however many there are."""
    key = jwk.generate("ES256")
    verifier = CompactVerifier(key.public())
    for index in range(50):
        text = token({"alg": "ES256", "n": index}, b"x", jwk.generate("ES256").sign)
        with pytest.raises(InvalidSignatureError):
            verifier.open(text)
    assert _remembered(verifier) == 0
    verifier.open(token({"alg": "ES256"}, b"x", key.sign))
    assert _remembered(verifier) == 1


def test_what_is_remembered_is_bounded_in_bytes() -> None:
    """An attacker who holds a key cannot fill the memory with headers, each different and large."""
    secret = jwk.secret(bytes(range(64)), alg="HS256")
    verifier = CompactVerifier(secret)
    for index in range(200):
        verifier.open(token({"alg": "HS256", "pad": f"{index:04}" * 500}, b"x", secret.sign))
    assert sum(map(len, _headers(verifier))) <= 64 * 1024


def test_one_verifier_does_not_know_what_another_understands() -> None:
    """A critical extension that one verifier understands stays refused by another with the same key."""
    key = jwk.generate("ES256")
    text = token({"alg": "ES256", "crit": ["x"], "x": 1}, b"payload", key.sign)
    CompactVerifier(key.public(), understood=("x",)).open(text)
    with pytest.raises(UnsupportedCriticalError):
        CompactVerifier(key.public()).open(text)


def _headers(verifier: CompactVerifier) -> list[bytes]:
    return list(verifier._headers)


def _remembered(verifier: CompactVerifier) -> int:
    return len(_headers(verifier))
