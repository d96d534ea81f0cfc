"""What the authorization server says of itself (RFC 8414 section 2, OpenID Connect Discovery 1.0 section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from .client_auth import METHODS
from .client_auth.private_key_jwt import ALGORITHMS_SUPPORTED
from .grants import GRANTS

__all__ = ["Metadata", "describe"]


@dataclass(frozen=True, slots=True)
class Metadata:
    """The document, member by member; its names are the standard's."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    response_types_supported: tuple[str, ...]
    grant_types_supported: tuple[str, ...]
    token_endpoint_auth_methods_supported: tuple[str, ...]
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...]
    scopes_supported: tuple[str, ...]


def describe(issuer: str, *, scopes: tuple[str, ...]) -> Metadata:
    """Build the document from the tables, so that what is not there is not promised."""
    return Metadata(
        issuer=issuer,
        token_endpoint=f"{issuer}/token",
        jwks_uri=f"{issuer}/jwks.json",
        response_types_supported=(),
        grant_types_supported=tuple(GRANTS),
        token_endpoint_auth_methods_supported=tuple(METHODS),
        token_endpoint_auth_signing_alg_values_supported=ALGORITHMS_SUPPORTED,
        scopes_supported=scopes,
    )
