"""A key chosen by a function of yours, as JJWT's SigningKeyResolver does, which can never choose the algorithm."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import AlgorithmNotAllowedError, PolicyError, UnknownKeyError, quoted
from ..jwk.key import Key, refuse_private

__all__ = ["KeyResolver"]


class KeyResolver:
    """A key source that asks a function.

    Args:
        resolve: Takes the token's ``kid``, or None, and its ``alg``; gives the Key, or None where it has none. Whatever
            it gives must be bound to that algorithm already: the header of a token only ever selects.
    """

    __slots__ = ("_resolve",)

    def __init__(self, resolve: Callable[[str | None, str], Key | None]) -> None:
        if not callable(resolve):
            raise PolicyError("A KeyResolver takes a function of kid and alg.")
        self._resolve = resolve

    def find(self, kid: str | None, x5t_s256: str | None, alg: str) -> Key:
        """Find the key; see KeySource.find."""
        key = self._resolve(kid, alg)
        if key is None:
            raise UnknownKeyError(f"No key was found for the kid {quoted(kid)} and {quoted(alg)}.", source=self)
        if not isinstance(key, Key):
            raise PolicyError("The resolver gave something that is no Key.", help="Text and octets are never keys.")
        if key.alg != alg:
            raise AlgorithmNotAllowedError(f"{quoted(alg)} is not the algorithm of the key that was found, {key!r}.")
        refuse_private([key])
        return key
