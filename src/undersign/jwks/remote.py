"""A key set that another server publishes (RFC 7517 section 5), fetched through the one guarded door.

1. A key that the last good answer does not have is not served, however recently it was there.
2. An unknown kid has the set fetched again, once per cooldown for all who ask, so that tokens cannot drive fetches.
3. While the endpoint fails the last good set serves, for max_stale at most; a bad answer never replaces a good set.
4. In a running event loop nothing is fetched: find raises, and ``await refresh()`` fetches in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..encoding import parse_object
from ..errors import FetchError, PolicyError, PrivateKeyGivenError, UndersignError, UnknownKeyError, quoted
from ..fetch import Fetched, Fetcher
from ..jwk import Key, load_public
from ..limits import DEFAULT
from .keyset import KeySet, Skipped

if TYPE_CHECKING:
    from asyncio import Task

__all__ = ["Fetch", "RemoteKeySet"]

_NOTHING: Final = KeySet()


class Fetch(Protocol):
    """Anything that fetches a document, or raises FetchError."""

    def __call__(self, url: str, /) -> Fetched:
        """Fetch it."""


class RemoteKeySet:
    """A KeySource at an address; made once, used from any thread.

    Args:
        url: Where the set is published.
        fetch: What fetches it; a guarded Fetcher unless given.
        clock: The time in seconds; it need not be the time of day, but must not go back.
        ttl: How long a fetched set is taken as fresh.
        cooldown: The least time between two fetches.
        max_stale: How long the last good set serves while the endpoint fails; then nothing is accepted.

    Raises:
        PolicyError: The times contradict one another.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
        ttl: float = 300,
        cooldown: float = 30,
        max_stale: float = 86400,
    ) -> None:
        if not 0 < cooldown <= ttl <= max_stale:
            raise PolicyError("A remote key set needs 0 < cooldown <= ttl <= max_stale.")
        self.url = url
        self._fetch: Fetch = fetch if fetch is not None else Fetcher()
        self._clock = clock
        self._ttl, self._cooldown, self._max_stale = ttl, cooldown, max_stale
        self._keys = _NOTHING
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._failure: UndersignError | None = None
        self._flight = Lock()
        self._task: Task[bool] | None = None

    def __repr__(self) -> str:
        return f"RemoteKeySet({self.url!r}, {len(self._keys)} keys)"

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find the key, fetching the set when it is old or does not have the key and no cooldown forbids.

        Raises:
            UnknownKeyError: No key fits, the set is too old, or it cannot be fetched here (``source`` is this set).
            AmbiguousKeyError, AlgorithmNotAllowedError: As KeySet.find.
        """
        if not self._is_fresh():
            self._renew(kid)
        try:
            return self._usable().find(kid, x5t_s256, alg)
        except UnknownKeyError:
            if not self._fetch_if_allowed():
                raise self._unknown(kid) from None
        try:
            return self._usable().find(kid, x5t_s256, alg)
        except UnknownKeyError:
            raise self._unknown(kid) from None

    async def refresh(self) -> None:
        """Fetch the set in a thread, unless it was tried within the cooldown; callers at one time share one fetch.

        A failure is not raised: find says what is known.
        """
        import asyncio

        loop = asyncio.get_running_loop()
        task = self._task
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._task = loop.create_task(asyncio.to_thread(self._refetch))
        await asyncio.shield(task)

    def _renew(self, kid: str | None) -> None:
        """Fetch a set that is due; in an event loop have the caller await that, so that none serves for long."""
        if not _in_event_loop():
            self._refetch()
        elif self._may_try():
            raise self._unknown(kid)

    def _fetch_if_allowed(self) -> bool:
        return not _in_event_loop() and self._refetch()

    def _refetch(self) -> bool:
        """Fetch, one at a time; whoever waited for another's fetch takes its result. Says whether the set is newer."""
        waited_from = self._fetched_at
        with self._flight:
            if self._fetched_at != waited_from:
                return True
            if not self._may_try():
                return False
            now = self._tried_at = self._clock()
            try:
                self._keys = _parsed(self._fetch(self.url))
            except UndersignError as error:
                self._failure = error
                return False
            self._fetched_at, self._failure = now, None
            return True

    def _may_try(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= self._cooldown

    def _is_fresh(self) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < self._ttl

    def _usable(self) -> KeySet:
        if self._fetched_at is None or self._clock() - self._fetched_at >= self._max_stale:
            return _NOTHING
        return self._keys

    def _unknown(self, kid: str | None) -> UnknownKeyError:
        if self._failure is not None:
            why = f" ({self._failure.message})"
        else:
            why = "" if self._is_fresh() else " (it is due to be fetched)"
        return UnknownKeyError(f"The key set {quoted(self.url)} has no key {quoted(kid)}{why}.", source=self)


def _parsed(fetched: Fetched) -> KeySet:
    """Read the set; a member that cannot be used is left out, one that should be secret spoils the set."""
    members = parse_object(fetched.body).get("keys")
    if not isinstance(members, list) or len(members) > DEFAULT.keys:
        raise FetchError(f"The document is not a JWK Set of at most {DEFAULT.keys} keys.")
    keys: list[Key] = []
    skipped: list[Skipped] = []
    for index, member in enumerate(members):
        try:
            keys.append(load_public(member))
        except PrivateKeyGivenError:
            raise FetchError(
                "The key set publishes a private key or a secret.", help="Tell its owner: it is no longer secret."
            ) from None
        except UndersignError as error:
            kid = member.get("kid") if isinstance(member, Mapping) else None
            skipped.append(Skipped(index, kid if isinstance(kid, str) else None, error))
    if not keys:
        raise FetchError("The key set is empty, or holds no key that can be used.")
    return KeySet(keys, skipped=tuple(skipped))


def _in_event_loop() -> bool:
    import sys

    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
