"""A key set that another server publishes (RFC 7517 section 5), fetched through the one guarded door.

1. A key that the last good answer does not have is not served, however recently it was there.
2. An unknown kid has the set fetched again, once per cooldown for all who ask, so that tokens cannot drive fetches.
3. While the endpoint fails the last good set serves, for max_stale at most; a bad answer never replaces a good set.
4. One fetch is under way at a time, for all threads and event loops together; who needs its result waits for it.
5. In a running event loop nothing is fetched: find raises, and ``await refresh()`` fetches in a thread.
6. A set that is about to be due, or whose endpoint failed before, is renewed while the old one serves: in a thread that
   ends with the fetch, or in a task of the running loop.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypedDict, Unpack
from weakref import WeakSet

from ..errors import FetchError, PolicyError, UndersignError, UnknownKeyError, quoted
from ..fetch import Fetch, Fetched, Fetcher
from ..jwk import Key
from ..limits import DEFAULT, Limits
from .document import parse
from .keyset import KeySet, Skipped

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

__all__ = ["RefreshPolicy", "Refreshed", "RemoteKeySet", "since_start"]

_NOTHING: Final = KeySet()
_LONGEST_TTL: Final = 3600.0


def since_start() -> float:
    """The default clock: it never goes back, and where the system can tell it counts the time spent asleep."""
    # Time asleep is time in which keys are revoked.
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.monotonic()


class Refreshed(NamedTuple):
    """One attempt to fetch a key set, for logs and health checks.

    Attributes:
        url: The key set.
        error: Why the attempt failed; None where it did not.
        changed: Whether the set that serves is another than before.
        keys: How many keys serve now.
        skipped: The members of the set that serves which are left out, private keys and secrets among them.
        age: Seconds since the last good answer; None where there was none.
    """

    url: str
    error: UndersignError | None
    changed: bool
    keys: int
    skipped: tuple[Skipped, ...]
    age: float | None


class RefreshPolicy(TypedDict, total=False):
    """The arguments of RemoteKeySet that say when to fetch and how much."""

    clock: Callable[[], float]
    ttl: float
    max_ttl: float | None
    ahead: float
    cooldown: float
    max_stale: float
    limits: Limits
    on_refresh: Callable[[Refreshed], None] | None


class _Good(NamedTuple):
    """The last good answer; replaced whole, so that no reader sees half of it."""

    keys: KeySet
    fetched: Fetched
    at: float
    renew_at: float
    due_at: float


class RemoteKeySet:
    """A KeySource at an address; made once, used from any thread and any event loop.

    Args:
        url: Where the set is published.
        fetch: What fetches it; a guarded Fetcher unless given.
        clock: The time in seconds; it need not be the time of day, but must not go back.
        ttl: How long a fetched set is fresh where the server does not say. What its Cache-Control says counts between
            cooldown and max_ttl, no-cache and no-store as cooldown.
        max_ttl: The longest that the server may have a set taken as fresh; an hour unless given.
        ahead: The last part of the fresh time, in which a set is renewed while it serves on; 0 for never.
        cooldown: The least time between the end of one fetch and the next.
        max_stale: How long the last good set serves while the endpoint fails; then nothing is accepted.
        limits: Caps; ``keys`` and ``members`` count.
        on_refresh: Called after each attempt, in the thread that made it.

    Raises:
        PolicyError: The times contradict one another.
    """

    def __init__(
        self,
        url: str,
        *,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = since_start,
        ttl: float = 300,
        max_ttl: float | None = None,
        ahead: float = 0.2,
        cooldown: float = 30,
        max_stale: float = 86400,
        limits: Limits = DEFAULT,
        on_refresh: Callable[[Refreshed], None] | None = None,
    ) -> None:
        longest = min(max(ttl, _LONGEST_TTL), max_stale) if max_ttl is None else max_ttl
        if not 0 < cooldown <= ttl <= longest <= max_stale or not 0 <= ahead < 1:
            raise PolicyError("A remote key set needs 0 < cooldown <= ttl <= max_ttl <= max_stale and 0 <= ahead < 1.")
        self.url = url
        self._fetch: Fetch = fetch if fetch is not None else Fetcher()
        self._clock = clock
        self._ttl, self._longest, self._ahead = ttl, longest, ahead
        self._cooldown, self._max_stale = cooldown, max_stale
        self._limits = limits
        self._on_refresh = on_refresh
        self._good: _Good | None = None
        self._tried_at: float | None = None
        self._attempts = 0
        self._failure: UndersignError | None = None
        self._flight = Lock()
        self._task: Task[bool] | None = None
        _FORKED.add(self)

    @classmethod
    def from_issuer(cls, issuer: str, *, fetch: Fetch | None = None, **policy: Unpack[RefreshPolicy]) -> RemoteKeySet:
        """Make the key set of an issuer, which its metadata names (OpenID Connect Discovery 1.0, RFC 8414).

        Nothing is fetched yet. The ``issuer`` in the metadata must be this very string.

        Raises:
            PolicyError: The issuer is no https address without query and fragment, or the times contradict one another.
        """
        from .discovery import Discovery

        clock = policy.get("clock", since_start)
        return cls(issuer, fetch=Discovery(issuer, fetch if fetch is not None else Fetcher(), clock), **policy)

    def __repr__(self) -> str:
        return f"RemoteKeySet({self.url!r}, {0 if self._good is None else len(self._good.keys)} keys)"

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What the last good answer holds that cannot serve: unknown kinds, unsound keys, private keys, secrets."""
        return () if self._good is None else self._good.keys.skipped

    @property
    def failure(self) -> UndersignError | None:
        """Why the last attempt failed; None where it did not, or there was none."""
        return self._failure

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find the key, fetching the set when it is old or does not have the key and no cooldown forbids.

        Raises:
            UnknownKeyError: No key fits, the set is too old, or it cannot be fetched here (``source`` is this set).
            AmbiguousKeyError, AlgorithmNotAllowedError: As KeySet.find.
        """
        now = self._clock()
        good = self._good
        if good is None or now >= good.renew_at:
            self._renew(good, now, kid)
        try:
            return self._usable().find(kid, x5t_s256, alg)
        except UnknownKeyError:
            if _running_loop() is not None or not self._refetch():
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

        if self._may_try() or self._flight.locked():
            await asyncio.shield(self._shared(asyncio.get_running_loop()))

    def _shared(self, loop: AbstractEventLoop) -> Task[bool]:
        from asyncio import to_thread

        task = self._task
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._task = loop.create_task(to_thread(self._refetch))
        return task

    # what serves now

    def _usable(self) -> KeySet:
        good = self._good
        return _NOTHING if good is None or self._clock() - good.at >= self._max_stale else good.keys

    def _unknown(self, kid: str | None) -> UnknownKeyError:
        if self._failure is not None:
            why = f" ({self._failure.message})"
        else:
            why = "" if self._good is not None and self._clock() < self._good.due_at else " (it is due to be fetched)"
        return UnknownKeyError(f"The key set {quoted(self.url)} has no key {quoted(kid)}{why}.", source=self)

    # when it is fetched

    def _may_try(self) -> bool:
        return self._tried_at is None or self._clock() - self._tried_at >= self._cooldown

    def _renew(self, good: _Good | None, now: float, kid: str | None) -> None:
        """Fetch a set that is due, or have it fetched while the one at hand serves."""
        if not self._may_try():
            return
        loop = _running_loop()
        serves = good is not None and now - good.at < self._max_stale
        if serves and good is not None and (now < good.due_at or self._failure is not None):
            self._renew_behind(loop)
        elif loop is None:
            self._refetch()
        else:  # the caller awaits that, so that no set serves for long after it was due
            raise self._unknown(kid)

    def _renew_behind(self, loop: AbstractEventLoop | None) -> None:
        if loop is not None:
            self._shared(loop)
        elif self._flight.acquire(blocking=False):
            try:  # the thread gives the lock back
                Thread(target=self._land, name="undersign-jwks", daemon=True).start()
            except RuntimeError:  # no more threads, or the interpreter is going: a later caller fetches for itself
                self._flight.release()

    def _refetch(self) -> bool:
        """Fetch, one at a time; whoever waited for another's fetch takes its result. Says whether it was good."""
        attempts = self._attempts
        self._flight.acquire()
        if self._attempts != attempts or not self._may_try():
            good = self._attempts != attempts and self._failure is None
            self._flight.release()
            return good
        return self._land()

    def _land(self) -> bool:
        """Fetch while holding the lock, give it back, and only then tell."""
        try:
            told = self._attempt()
        finally:
            self._flight.release()
        if self._on_refresh is not None:
            self._on_refresh(told)
        return told.error is None

    def _attempt(self) -> Refreshed:
        before, now = self._good, self._clock()
        try:
            self._failure, self._good = None, self._asked(before, now)
        except UndersignError as error:
            self._failure = error
        except OSError as error:  # of a fetch that is not ours
            self._failure = FetchError(f"{quoted(self.url)} could not be fetched: {type(error).__name__}.")
        finally:
            self._tried_at = self._clock()
            self._attempts += 1
        good = self._good
        keys = _NOTHING if good is None else good.keys
        return Refreshed(
            self.url,
            self._failure,
            keys is not (_NOTHING if before is None else before.keys),
            len(keys),
            keys.skipped,
            None if good is None else self._tried_at - good.at,
        )

    def _asked(self, before: _Good | None, now: float) -> _Good:
        again: Any = getattr(self._fetch, "revalidate", None)
        if before is not None and before.fetched.etag is not None and again is not None:
            fetched: Fetched = again(self.url, before.fetched)
        else:
            fetched = self._fetch(self.url)
        same = before is not None and fetched.body == before.fetched.body
        keys = before.keys if same and before is not None else parse(fetched.body, self._limits)
        ttl = self._ttl if fetched.fresh_for is None else fetched.fresh_for
        ttl = min(max(ttl, self._cooldown), self._longest)
        return _Good(keys, fetched, now, now + ttl * (1 - self._ahead), now + ttl)


def _running_loop() -> AbstractEventLoop | None:
    asyncio: Any = sys.modules.get("asyncio")
    if asyncio is None:
        return None
    try:
        loop: AbstractEventLoop = asyncio.get_running_loop()
    except RuntimeError:
        return None
    return loop


# A fetch that is under way while the process forks ends in the parent only; the child must not wait for it.
_FORKED: Final[WeakSet[RemoteKeySet]] = WeakSet()


def _after_fork() -> None:
    for keys in _FORKED:
        keys._flight = Lock()
        keys._task = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
