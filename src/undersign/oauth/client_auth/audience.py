"""Which audiences a client's assertion may name, by the policy of the client (RFC 7523 section 3, RFC 10070).

Compared character by character with what configuration says: no prefix, no folding, no trailing slash, nothing that
comes from the Host header. An array with a foreign member is refused under every policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from undersign.errors import IncorrectClaimError, PolicyError, TooOldError
from undersign.oauth.client import Client

__all__ = ["Place", "check"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where an assertion was presented.

    Attributes:
        issuer: The authorization server's own identifier.
        token_endpoint: The address of its token endpoint.
        called: The address that was called, as configuration spells it.
    """

    issuer: str
    token_endpoint: str
    called: str


def check(client: Client, aud: Any, place: Place, now: float) -> str:
    """Check an assertion's audience and say which form it took, for the record.

    Raises:
        IncorrectClaimError: The audience is not one that the client's policy accepts.
        TooOldError: The policy is a legacy one and its sunset has come.
        PolicyError: The client has a policy that does not exist.
    """
    rule = _POLICIES.get(client.audience_policy)
    if rule is None:
        raise PolicyError("The client's audience policy does not exist.")
    if client.audience_policy.startswith("legacy_") and (client.sunset is None or now >= client.sunset):
        raise TooOldError("aud", "The client's legacy audience policy has ended.")
    form = rule(aud, place)
    if form is None:
        raise IncorrectClaimError("aud", "The assertion's audience is not this server's issuer alone.")
    return form


def _issuer(aud: Any, place: Place) -> str | None:
    if aud == [place.issuer]:
        return "issuer_array"
    return _issuer_string(aud, place)


def _issuer_string(aud: Any, place: Place) -> str | None:
    return "issuer" if isinstance(aud, str) and aud == place.issuer else None


def _legacy_endpoint(aud: Any, place: Place) -> str | None:
    members = [aud] if isinstance(aud, str) else aud
    known = {place.issuer, place.token_endpoint, place.called}
    if not isinstance(members, list) or not members or not all(isinstance(m, str) and m in known for m in members):
        return None
    return _issuer(aud, place) or "endpoint"


def _legacy_token_endpoint(aud: Any, place: Place) -> str | None:
    here = place.called == place.token_endpoint
    return "endpoint" if here and isinstance(aud, str) and aud == place.token_endpoint else None


_POLICIES: Final[Mapping[str, Callable[[Any, Place], str | None]]] = MappingProxyType(
    {
        "issuer": _issuer,
        "issuer_string": _issuer_string,
        "legacy_endpoint": _legacy_endpoint,
        "legacy_token_endpoint": _legacy_token_endpoint,
    }
)
