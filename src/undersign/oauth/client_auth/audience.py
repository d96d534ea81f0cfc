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

__all__ = ["LEGACY", "Accepted", "Place", "accepted", "check_in_force"]


LEGACY: Final = frozenset({"legacy_endpoint", "legacy_token_endpoint"})
"""Policies that end on a day that the client's configuration says."""


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
    """What ``aud`` may be: one of the values, or, unless it must be single, an array of nothing else.

    Attributes:
        values: Each value, with the form that it is recorded as, so that one sees when a client can be tightened.
    """

    values: Mapping[str, str]
    single: bool = False


def check_in_force(client: Client, now: float) -> None:
    """Refuse a client whose legacy policy has ended; asked at each use.

    Raises:
        TooOldError: The policy is a legacy one and its sunset has come.
    """
    if client.audience_policy in LEGACY and (client.sunset is None or now >= client.sunset):
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


def _legacy_token_endpoint(place: Place) -> Accepted:
    here = place.called == place.token_endpoint
    return Accepted({place.token_endpoint: "endpoint"} if here else {}, single=True)


def _legacy_endpoint(place: Place) -> Accepted:
    return Accepted({place.called: "endpoint", place.token_endpoint: "endpoint", place.issuer: "issuer"})


_POLICIES: Final[Mapping[str, Callable[[Place], Accepted]]] = MappingProxyType(
    {
        "issuer": lambda place: Accepted({place.issuer: "issuer"}),
        "issuer_string": lambda place: Accepted({place.issuer: "issuer"}, single=True),
        "legacy_endpoint": _legacy_endpoint,
        "legacy_token_endpoint": _legacy_token_endpoint,
    }
)
