"""Every cap on input in one visible, read-only object; what exceeds one is refused before it is parsed."""

from __future__ import annotations

from typing import Any, Final, NoReturn

from .errors import PolicyError

__all__ = ["DEFAULT", "Limits"]


class Limits:
    """The caps that parsing and verification keep to. Sizes are in octets unless said otherwise.

    Args:
        token: The longest JWS in any serialization, payload included.
        jwt: The longest JWT.
        inflated: The longest payload of a compressed JWT, after it was inflated.
        header: The longest protected header, base64url-encoded.
        payload: The longest detached payload that is held in memory.
        depth: How deep JSON may nest.
        members: How many names, elements and separators one JSON text may hold together.
        keys: The most keys in a key set.
        signatures: The most signatures in one JWS.
        key: The longest key document: a JWK, PEM, DER or certificate.
        kdf_iterations: The most PBKDF2 rounds of an encrypted private key; scrypt counts 15 for each KiB it takes, so
            that the default allows 64 MiB, and bcrypt 10 000 for each of its rounds.

    Raises:
        PolicyError: A name is unknown or a value is not a positive integer.
    """

    __slots__ = (
        "depth",
        "header",
        "inflated",
        "jwt",
        "kdf_iterations",
        "key",
        "keys",
        "members",
        "payload",
        "signatures",
        "token",
    )

    token: int
    jwt: int
    inflated: int
    header: int
    payload: int
    depth: int
    members: int
    keys: int
    signatures: int
    key: int
    kdf_iterations: int

    def __init__(self, **caps: int) -> None:
        for name in caps.keys() - _DEFAULTS.keys():
            msg = f"There is no limit named {name!r}."
            raise PolicyError(msg, help="The limits are: " + ", ".join(sorted(_DEFAULTS)) + ".")
        for name, default in _DEFAULTS.items():
            value = caps.get(name, default)
            if type(value) is not int or value < 1:
                msg = f"The limit {name!r} must be a positive integer."
                raise PolicyError(msg)
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "Limits are read-only; make a new object."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __repr__(self) -> str:
        changed = ", ".join(f"{n}={getattr(self, n)}" for n, d in _DEFAULTS.items() if getattr(self, n) != d)
        return f"Limits({changed})"


_DEFAULTS: Final = {
    "token": 2 * 1024 * 1024,
    "jwt": 64 * 1024,
    "inflated": 256 * 1024,
    "header": 32 * 1024,
    "payload": 16 * 1024 * 1024,
    "depth": 32,
    "members": 8192,
    "keys": 1024,
    "signatures": 16,
    "key": 64 * 1024,
    "kdf_iterations": 1_000_000,
}

DEFAULT: Final = Limits()
