"""What a ReplayStore must hold to (DESIGN safety rule 8), for stores of ours and of yours.

Each check takes a Bench with a fresh, empty store and raises AssertionError, naming what does not hold:

    @pytest.mark.parametrize("check", replay.CHECKS, ids=lambda check: check.__name__)
    def test_my_store(check):
        clock = replay.Clock()
        check(replay.Bench(MyStore(clock=clock), clock))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Final

from ..errors import ExpiredTokenError, PolicyError, ReplayedError, ReplayStoreError, UndersignError
from ..replay import Burn, ReplayStore

__all__ = ["CHECKS", "Bench", "Clock"]

NOW: Final = 1_800_000_000
THREADS: Final = 16


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """The time, in seconds since 1970."""
        return self.now


@dataclass(frozen=True, slots=True)
class Bench:
    """What a check works on.

    Attributes:
        store: A fresh store.
        clock: The clock that the store was given.
        reopen: Closes the store and opens what it kept, as after a restart; None for one that keeps nothing.
        small: Opens a store with room for one thing; None for one that grows with its disk.
    """

    store: ReplayStore
    clock: Clock
    reopen: Callable[[], ReplayStore] | None = None
    small: Callable[[], ReplayStore] | None = None


def check_once(bench: Bench) -> None:
    """A thing is used up once, however it is written down the second time."""
    bench.store.consume(_burn("a"))
    _refuses(bench.store, _burn("a"), ReplayedError)
    _refuses(bench.store, _burn("a", expires_in=90), ReplayedError)


def check_names_apart(bench: Bench) -> None:
    """Purpose, issuer and id each tell things apart, and no two spellings of the three run together."""
    names = [("p", "i", "a"), ("q", "i", "a"), ("p", "j", "a"), ("pi", "", "a"), ("p", "ia", ""), ("", "pi", "a")]
    for purpose, issuer, name in names:
        bench.store.consume(Burn(purpose, issuer, name, NOW + 60))
    for purpose, issuer, name in names:
        _refuses(bench.store, Burn(purpose, issuer, name, NOW + 60), ReplayedError)


def check_any_name(bench: Bench) -> None:
    """An id of any length and any characters works, once; one of them is no prefix, pattern or spelling of another."""
    names = [
        "",
        "\0",
        "a\0",
        "a",
        "A",
        "a ",
        "%",
        "'; --",
        "\N{LATIN SMALL LETTER E WITH ACUTE}",
        "e\u0301",
        "x" * 9999,
    ]
    for name in names:
        bench.store.consume(_burn(name))
    for name in names:
        _refuses(bench.store, _burn(name), ReplayedError)


def check_threads(bench: Bench) -> None:
    """Of many threads that use one thing at one moment, one succeeds and all others hear that it was used."""
    start = Barrier(THREADS)

    def use(_: int) -> str:
        start.wait()
        try:
            bench.store.consume(_burn("shared"))
        except ReplayedError as error:
            return error.code
        return "used"

    with ThreadPoolExecutor(THREADS) as pool:
        found = Counter(pool.map(use, range(THREADS)))
    _hold(found == {"used": 1, ReplayedError.code: THREADS - 1}, f"of {THREADS} threads came out {dict(found)}")


def check_expiry(bench: Bench) -> None:
    """What has been used is never accepted again, however long ago it expired and whatever was forgotten."""
    bench.store.consume(_burn("early", expires_in=10))
    for later in (11, 30, 100, 1_000, 10_000, 1_000_000):
        bench.clock.now = NOW + later
        try:
            bench.store.consume(_burn(f"tick {later}", expires_in=later + 60))
            bench.store.consume(_burn("early", expires_in=10))
        except (ReplayedError, ExpiredTokenError):
            continue
        _hold(held=False, what=f"a thing used {later} s ago was accepted again")


def check_clock_set_back(bench: Bench) -> None:
    """A clock that is set back behind what the store has seen makes it refuse, until the time has come again."""
    bench.store.consume(_burn("a", expires_in=10))
    bench.clock.now = NOW + 100_000
    bench.store.consume(_burn("b", expires_in=100_060))
    bench.clock.now = NOW
    _refuses(bench.store, _burn("a", expires_in=10), ReplayStoreError, ReplayedError, ExpiredTokenError)
    _refuses(bench.store, _burn("c"), ReplayStoreError, ExpiredTokenError)
    bench.clock.now = NOW + 100_001
    bench.store.consume(_burn("d", expires_in=100_060))


def check_dates(bench: Bench) -> None:
    """A thing without a date of expiry that can be kept is refused, since its row would never end."""
    for wrong in (float("nan"), float("inf"), -1.0, 2.0**60):
        _refuses(bench.store, Burn("p", "i", "a", wrong), PolicyError)
    bench.store.consume(_burn("a"))


def check_full(bench: Bench) -> None:
    """A full store refuses what is new, still knows what it holds, and has room again when that has expired."""
    if bench.small is None:
        return
    store = bench.small()
    store.consume(_burn("a"))
    _refuses(store, _burn("b"), ReplayStoreError)
    _refuses(store, _burn("a"), ReplayedError)
    bench.clock.now = NOW + 100_000
    store.consume(_burn("b", expires_in=100_060))


def check_restart(bench: Bench) -> None:
    """What was used before a restart is refused after it, and so is a clock that was set back meanwhile."""
    if bench.reopen is None:
        return
    bench.store.consume(_burn("a"))
    again = bench.reopen()
    _refuses(again, _burn("a"), ReplayedError)
    again.consume(_burn("b"))
    bench.clock.now = NOW - 100_000
    _refuses(again, _burn("c"), ReplayStoreError)


CHECKS: Final[tuple[Callable[[Bench], None], ...]] = (
    check_once,
    check_names_apart,
    check_any_name,
    check_threads,
    check_expiry,
    check_clock_set_back,
    check_dates,
    check_full,
    check_restart,
)


def _burn(name: str, *, expires_in: float = 60) -> Burn:
    return Burn("conformance", "https://issuer.example", name, NOW + expires_in)


def _refuses(store: ReplayStore, burn: Burn, *errors: type[UndersignError]) -> None:
    try:
        store.consume(burn)
    except errors:
        return
    _hold(held=False, what=f"{burn!r} was accepted, not refused with {' or '.join(_names(errors))}")


def _names(errors: tuple[type[UndersignError], ...]) -> Iterator[str]:
    return (error.__name__ for error in errors)


def _hold(held: bool, what: str) -> None:  # noqa: FBT001 - what holds, not a mode
    if not held:
        raise AssertionError(f"The store does not conform: {what}.")
