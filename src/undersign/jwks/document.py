"""The JWK Set document of another server: what is read of it, and what is left out (RFC 7517 section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from ..encoding import parse_object
from ..errors import FetchError, KeyMaterialError, UndersignError
from ..jwk import Key, load_public
from ..limits import Limits
from .keyset import KeySet, Skipped

__all__ = ["parse"]


def parse(body: bytes, limits: Limits) -> KeySet:
    """Read the set; a member that cannot serve is left out and listed, private keys and secrets included.

    Raises:
        FetchError: It is no JWK Set, has too many keys, or none that can be used: then it replaces no other.
        InvalidJSONError, LimitError: It cannot be parsed.
    """
    members = parse_object(body, limits).get("keys")
    if not isinstance(members, list) or len(members) > limits.keys:
        raise FetchError(f"The document is not a JWK Set of at most {limits.keys} keys.")
    keys: list[Key] = []
    skipped: list[Skipped] = []
    for index, member in enumerate(members):
        try:
            keys.append(_key(member))
        except UndersignError as error:
            kid = member.get("kid") if isinstance(member, Mapping) else None
            skipped.append(Skipped(index, kid if isinstance(kid, str) else None, error))
    if not keys:
        raise FetchError("The key set is empty, or holds no key that can be used.")
    return KeySet(keys, skipped=tuple(skipped))


def _key(member: object) -> Key:
    if not isinstance(member, Mapping):  # text would be read as PEM
        raise KeyMaterialError("A member of a key set is not a JSON object.")
    return load_public(member)
