"""How to ask each library: a small adapter, with the library's own errors named, so that others show.

Yours is a class with these members; name it in $UNDERSIGN_CONFORMANCE as ``module:Class``.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final, Protocol

from .. import jwk, jws, jwt
from ..errors import UndersignError
from .cases import AUDIENCE, ISSUER, Case

__all__ = ["ADAPTERS", "Adapter", "ask", "chosen"]


class Adapter(Protocol):
    """A library to ask.

    Attributes:
        name: What it is called.
        errors: What it raises where it refuses; anything else that comes out is foreign.
    """

    name: str
    errors: tuple[type[BaseException], ...]

    def verify_jws(self, token: str, key: Mapping[str, Any], alg: str) -> bytes:
        """Verify a compact JWS with one key and one allowed algorithm; the payload."""

    def verify_jwt(self, token: str, key: Mapping[str, Any], alg: str, issuer: str, audience: str) -> object:
        """Verify a JWT, its issuer, audience and times too."""


def ask(adapter: Adapter, case: Case) -> str:
    """Put a case to a library: ``right``, ``wrong``, or ``foreign`` where it refused with an error not its own."""
    try:
        if case.payload is not None:
            right = adapter.verify_jws(case.token, case.key, case.alg) == case.payload
        else:
            adapter.verify_jwt(case.token, case.key, case.alg, ISSUER, AUDIENCE)
            right = True
    except adapter.errors:
        return "wrong" if case.accept else "right"
    except Exception:  # noqa: BLE001 - what comes out of somebody else's library is the finding
        return "wrong" if case.accept else "foreign"
    return "right" if case.accept and right else "wrong"


class Undersign:
    """This library."""

    name = "undersign"
    errors: tuple[type[BaseException], ...] = (UndersignError,)

    def verify_jws(self, token: str, key: Mapping[str, Any], alg: str) -> bytes:
        return jws.verify(token, jwk.load(key), algorithms=[alg]).payload

    def verify_jwt(self, token: str, key: Mapping[str, Any], alg: str, issuer: str, audience: str) -> object:
        return jwt.verify(token, jwk.load(key), algorithms=[alg], issuer=issuer, audience=audience)


class PyJWT:
    """PyJWT, with every check asked for by name."""

    name = "PyJWT"

    def __init__(self) -> None:
        self._jwt: Any = import_module("jwt")
        self.errors: tuple[type[BaseException], ...] = (self._jwt.PyJWTError,)

    def _key(self, key: Mapping[str, Any], alg: str) -> Any:
        return self._jwt.PyJWK(dict(key), algorithm=alg).key

    def verify_jws(self, token: str, key: Mapping[str, Any], alg: str) -> bytes:
        payload: bytes = self._jwt.PyJWS().decode(token, self._key(key, alg), algorithms=[alg])
        return payload

    def verify_jwt(self, token: str, key: Mapping[str, Any], alg: str, issuer: str, audience: str) -> object:
        options = {"require": ["exp", "iss", "aud"]}
        key = self._key(key, alg)
        return self._jwt.decode(token, key, algorithms=[alg], issuer=issuer, audience=audience, options=options)


class Joserfc:
    """joserfc, with its claims registry run on what it decodes."""

    name = "joserfc"

    def __init__(self) -> None:
        self._jwk: Any = import_module("joserfc.jwk")
        self._jws: Any = import_module("joserfc.jws")
        self._jwt: Any = import_module("joserfc.jwt")
        self.errors: tuple[type[BaseException], ...] = (import_module("joserfc.errors").JoseError,)

    def verify_jws(self, token: str, key: Mapping[str, Any], alg: str) -> bytes:
        found = self._jws.deserialize_compact(token, self._jwk.import_key(dict(key)), algorithms=[alg])
        payload: bytes = found.payload
        return payload

    def verify_jwt(self, token: str, key: Mapping[str, Any], alg: str, issuer: str, audience: str) -> object:
        found = self._jwt.decode(token, self._jwk.import_key(dict(key)), algorithms=[alg])
        wanted = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience}}
        self._jwt.JWTClaimsRegistry(**wanted, exp={"essential": True}).validate(found.claims)
        return found.claims


class Jwcrypto:
    """jwcrypto, with exp asked for by name: naming claims to check switches its own checks off."""

    name = "jwcrypto"

    def __init__(self) -> None:
        self._jwk: Any = import_module("jwcrypto.jwk")
        self._jws: Any = import_module("jwcrypto.jws")
        self._jwt: Any = import_module("jwcrypto.jwt")
        self.errors: tuple[type[BaseException], ...] = (import_module("jwcrypto.common").JWException,)

    def verify_jws(self, token: str, key: Mapping[str, Any], alg: str) -> bytes:
        found = self._jws.JWS()
        found.allowed_algs = [alg]
        found.deserialize(token, self._jwk.JWK(**key))
        payload: bytes = found.payload
        return payload

    def verify_jwt(self, token: str, key: Mapping[str, Any], alg: str, issuer: str, audience: str) -> object:
        wanted = {"iss": issuer, "aud": audience, "exp": None}
        found = self._jwt.JWT(jwt=token, key=self._jwk.JWK(**key), check_claims=wanted, algs=[alg], expected_type="JWS")
        return json.loads(found.claims)


ADAPTERS: Final[Mapping[str, Callable[[], Adapter]]] = {
    kind.name: kind for kind in (Undersign, PyJWT, Joserfc, Jwcrypto)
}


def chosen() -> Adapter:
    """The adapter that $UNDERSIGN_CONFORMANCE names: one of these by its name, yours as ``module:Class``."""
    name = os.environ.get("UNDERSIGN_CONFORMANCE", Undersign.name)
    warnings.simplefilter("ignore")  # what other libraries warn of is not asked here
    if name in ADAPTERS:
        return ADAPTERS[name]()
    module, _, kind = name.partition(":")
    yours: Adapter = getattr(import_module(module), kind)()
    return yours
