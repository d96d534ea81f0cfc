"""JSON Web Tokens (RFC 7519): mint them and verify them, signature and claims in one call.

>>> from undersign import jwk, jwt
>>> key = jwk.generate("Ed25519")
>>> token = jwt.sign({"sub": "ana"}, key, issuer="https://as.example", audience="https://api.example")
>>> jwt.verify(token, key.public(), issuer="https://as.example", audience="https://api.example").claims["sub"]
'ana'
"""

from __future__ import annotations

from .builder import Builder, builder
from .sign import Signer, sign
from .verified import VerifiedJWT
from .verify import Verifier, verify

__all__ = ["Builder", "Signer", "VerifiedJWT", "Verifier", "builder", "sign", "verify"]
