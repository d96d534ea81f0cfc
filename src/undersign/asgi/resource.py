"""What a resource server says of itself, where clients look for it (RFC 9728)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from ..encoding import dump_json
from ..errors import PolicyError
from .messages import Origin, Refusal

__all__ = ["ProtectedResource"]

_WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """The metadata of one protected resource.

    Attributes:
        resource: Its identifier: the ``aud`` of its tokens, an address without query and fragment.
        authorization_servers: The issuers whose tokens it takes.
        scopes: The scopes that a client may need.
        name: Its name for people.
        documentation: The address of a page for developers.
    """

    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    name: str = ""
    documentation: str = ""

    def __post_init__(self) -> None:
        """Refuse an identifier that clients could not turn into an address."""
        parts = urlsplit(self.resource)
        if parts.query or parts.fragment or "?" in self.resource or "#" in self.resource:
            raise PolicyError("A resource identifier has no query and no fragment (RFC 9728 section 1.2).")
        Origin(self.origin)

    @property
    def origin(self) -> str:
        """The origin of its address."""
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """Where the metadata lies: the well-known path stands before the resource's own (section 3.1)."""
        return _WELL_KNOWN + urlsplit(self.resource).path.rstrip("/")

    @property
    def url(self) -> str:
        """The address of the metadata, for the challenge (section 5.1)."""
        return self.origin + self.path

    def document(self, *, methods: Iterable[str], proof_algorithms: Iterable[str] = ()) -> Refusal:
        """The answer at that address (section 3.2).

        Args:
            methods: How a token may be sent; only ``header`` here, or nothing standard.
            proof_algorithms: The algorithms of DPoP proofs, where they are taken.
        """
        found = {
            "resource": self.resource,
            "authorization_servers": list(self.authorization_servers),
            "scopes_supported": list(self.scopes),
            "bearer_methods_supported": list(methods),
            "resource_name": self.name,
            "resource_documentation": self.documentation,
            "dpop_signing_alg_values_supported": list(proof_algorithms),
        }
        members = {name: value for name, value in found.items() if value or name == "bearer_methods_supported"}
        # Anybody's page may read it: a client in a browser has to.
        return Refusal(200, dump_json(members), "application/json", (("access-control-allow-origin", "*"),))
