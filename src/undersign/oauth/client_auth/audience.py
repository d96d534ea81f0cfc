"""Which audiences a client's assertion may name, by the policy of the client (RFC 7523 section 3, RFC 10070).

Compared character by character with what configuration says: no prefix, no folding, no trailing slash, nothing that
comes from the Host header. An array with a foreign member is refused under every policy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from undersign.errors import IncorrectClaimError, PolicyError, TooOldError
from undersign.oauth.client import Client

__all__ = ["Accepted", "Place", "accepted", "check_in_force", "form"]


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


@dataclass(frozen=True, slots=True)
class Accepted:
    """What ``aud`` may be: one of the values, or, unless it must be single, an array of nothing else."""

    values: frozenset[str]
    single: bool = False


def check_in_force(client: Client, now: float) -> None:
    """Refuse a client whose legacy policy has ended; asked at each use.

    Raises:
        TooOldError: The policy is a legacy one and its sunset has come.
    """
    if client.audience_policy.startswith("legacy_") and (client.sunset is None or now >= client.sunset):
        raise TooOldError("aud", "The client's legacy audience policy has ended.")


def accepted(client: Client, place: Place) -> Accepted:
    """What a client's assertion may name at this place.

    Raises:
        IncorrectClaimError: Nothing: the client's policy does not reach this address.
        PolicyError: The client has a policy that does not exist.
    """
    rule = _POLICIES.get(client.audience_policy)
    if rule is None:
        raise PolicyError("The client's audience policy does not exist.")
    found = rule(place)
    if not found.values:
        raise IncorrectClaimError("aud", "The client's audience policy does not reach this address.")
    return found


def form(aud: str | list[str], place: Place) -> str:
    """Say which form an accepted audience took, for the record: so one sees when a client can be tightened."""
    if aud == place.issuer:
        return "issuer"
    return "issuer_array" if aud == [place.issuer] else "endpoint"


def _legacy_token_endpoint(place: Place) -> Accepted:
    here = place.called == place.token_endpoint
    return Accepted(frozenset({place.token_endpoint} if here else ()), single=True)


_POLICIES: Final[Mapping[str, Callable[[Place], Accepted]]] = MappingProxyType(
    {
        "issuer": lambda place: Accepted(frozenset({place.issuer})),
        "issuer_string": lambda place: Accepted(frozenset({place.issuer}), single=True),
        "legacy_endpoint": lambda place: Accepted(frozenset({place.issuer, place.token_endpoint, place.called})),
        "legacy_token_endpoint": _legacy_token_endpoint,
    }
)
