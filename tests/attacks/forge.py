"""What an attacker can write by hand: segments, tokens and keys that no library of ours would make."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from undersign import jwk
from undersign.encoding import b64url_encode
from undersign.jwk import Key

NOW: Final = 1_800_000_000
ISSUER: Final = "https://as.example"
AUDIENCE: Final = "https://api.example"
CLAIMS: Final[dict[str, Any]] = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ana", "exp": NOW + 60}

SECRET: Final = jwk.secret(bytes(range(64)), alg="HS256", kid="secret")
ES256: Final = jwk.generate("ES256", kid="es")
ED25519: Final = jwk.generate("Ed25519", kid="ed")


def segment(value: object) -> str:
    """Encode octets as they are, text as UTF-8 and anything else as JSON, as lax as the json module is."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    octets = value if isinstance(value, bytes) else json.dumps(value).encode()
    return b64url_encode(octets)


def token(header: object, payload: object, sign: Callable[[bytes], bytes] = SECRET.sign) -> str:
    """Sign a header and a payload of any content whatever, properly: only what is checked can refuse it."""
    signing_input = f"{segment(header)}.{segment(payload)}"
    return f"{signing_input}.{b64url_encode(sign(signing_input.encode()))}"


def unsigned(header: object, payload: object = CLAIMS, signature: str = "") -> str:
    """Write a token with a signature of the attacker's own."""
    return f"{segment(header)}.{segment(payload)}.{signature}"


def halves(key: Key) -> Key:
    """What a recipient holds: the public half, or the secret."""
    return key if key.kty == "oct" else key.public()
