"""JWK thumbprints (RFC 7638) and thumbprint URIs (RFC 9278)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from ..encoding import b64url_encode, dump_json
from ..errors import PolicyError

__all__ = ["thumbprint", "thumbprint_uri"]

# RFC 9278 section 4 takes its names from the "Named Information Hash Algorithm" registry.
_NAMES: Final = {"sha256": "sha-256", "sha384": "sha-384", "sha512": "sha-512"}


def thumbprint(members: Mapping[str, str], hash: str = "sha256") -> str:
    """Hash the members that RFC 7638 section 3.2 requires, which are all that is passed; base64url."""
    if hash not in _NAMES:
        raise PolicyError(f"The thumbprint's hash must be one of {', '.join(_NAMES)}.")
    return b64url_encode(hashlib.new(hash, dump_json(dict(sorted(members.items())))).digest())


def thumbprint_uri(text: str, hash: str = "sha256") -> str:
    """Write a thumbprint as a URI."""
    return f"urn:ietf:params:oauth:jwk-thumbprint:{_NAMES[hash]}:{text}"
