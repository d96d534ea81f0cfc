"""The certificate of an epoch: who may sign heads and checkpoints of which chain, and when; an hour at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from undersign import jws
from undersign.encoding import parse_object
from undersign.errors import ChainError, KeySelectionError, UndersignError, quoted
from undersign.jwk import Key, load_public
from undersign.jwks import KeySource

from .chain import EPOCH_CAP, EPOCH_TYP

__all__ = ["Certified", "certified", "members_of", "opened"]


@dataclass(frozen=True, slots=True)
class Certified:
    """An epoch's key, and when it may sign.

    Attributes:
        seq: The number of the line that records it; 0 where that line is not among those that are verified.
    """

    key: Key
    seq: int
    not_before: int
    not_after: int


def certified(certificate: str, root: Key, chain: str, *, where: str, seq: int = 0) -> Certified:
    """Verify a certificate.

    Args:
        certificate: The JWS.
        root: The key that must have signed it.
        chain: The chain that it must be for.
        where: Where it stands, for messages.
        seq: The number of the line that it stands in.

    Raises:
        ChainError: It is not the root's, another chain's, for more than an hour, or holds no key.
    """
    what, place = f"The certificate {where}", seq or None
    claims = opened(certificate, root, EPOCH_TYP, what)
    try:
        key = load_public(members_of(claims.get("jwk")), alg="Ed25519")
    except UndersignError as error:
        raise ChainError(f"{what} has no key: {error.message}", seq=place) from error
    start, end = claims.get("not_before"), claims.get("not_after")
    if claims.get("chain") != chain:
        raise ChainError(f"{what} is for another chain.", seq=place)
    if type(start) is not int or type(end) is not int or not 0 < end - start <= EPOCH_CAP:
        raise ChainError(f"{what} has no window of an hour at most.", seq=place)
    return Certified(key, seq, start, end)


def opened(token: str, keys: Key | KeySource | None, typ: str, what: str) -> Mapping[str, Any]:
    """Verify a token of the log by these keys and give its claims.

    Raises:
        ChainError: It does not verify, or is of another type.
    """
    try:
        verified = jws.verify(token, keys)  # type: ignore[arg-type]  # None is refused as a policy that is wrong
        claims = parse_object(verified.payload)
    except KeySelectionError as error:
        raise ChainError(f"{what} is signed by a key that was not brought: {error.message}") from error
    except UndersignError as error:
        raise ChainError(f"{what} does not verify: {error.message}") from error
    if verified.protected.get("typ") != typ:
        raise ChainError(f"{what} is of the type {quoted(verified.protected.get('typ'))}, not {typ}.")
    return claims


def members_of(value: object) -> Mapping[str, Any]:
    """The members of what should be an object; none where it is something else."""
    return value if isinstance(value, Mapping) else {}
