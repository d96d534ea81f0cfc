"""One hostile input, and the calls that a recipient would make with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.attacks.forge import AUDIENCE, CLAIMS, ISSUER, NOW, SECRET, token
from undersign import errors, jws, jwt
from undersign.jwt.unverified import peek

HEAD: Final = {"alg": "HS256"}
GOOD: Final = token({"alg": "HS256", "typ": "JWT"}, CLAIMS)


class Attack(NamedTuple):
    """One hostile input."""

    name: str
    """Its row in the table, and what it is."""
    error: type[errors.UndersignError]
    do: Callable[[], object]
    """What a recipient would call."""
    source: Any
    """The token or key, of which nothing may appear in a message."""
    peeked: Callable[[], object] | None = None
    """What a recipient would call that has peeked at the token; None where nobody would."""


def by_jwt(name: str, text: Any, error: type[errors.UndersignError], keys: Any = SECRET, **options: Any) -> Attack:
    """Hand the text to a JWT verifier."""
    expected: dict[str, Any] = {"issuer": ISSUER, "audience": AUDIENCE, "now": NOW, **options}

    def peeked() -> object:
        return jwt.verify(peek(text), keys, **expected)

    return Attack(name, error, lambda: jwt.verify(text, keys, **expected), str(text), peeked)


def by_jws(name: str, text: Any, error: type[errors.UndersignError], keys: Any = SECRET, **options: Any) -> Attack:
    """Hand the token to a JWS verifier."""
    shown = text if isinstance(text, str) else json.dumps(text) if isinstance(text, dict) else repr(text)
    return Attack(name, error, lambda: jws.verify(text, keys, **options), shown)
