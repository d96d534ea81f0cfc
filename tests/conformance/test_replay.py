"""The stores of this project hold to what every ReplayStore must, and the checks catch those that do not."""

from __future__ import annotations

import pytest

from tests.engines import Where, engine, postgres_template, where  # noqa: F401 - fixtures
from tests.storage.writing import start_chain
from undersign.conformance.replay import CHECKS, NOW, Bench, Clock
from undersign.errors import PolicyError, ReplayedError, ReplayStoreError
from undersign.replay import Burn, MemoryReplayStore, ReplayStore
from undersign.storage.ledger.ledger import Ledger

every_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)


@every_check
def test_the_store_in_memory_conforms(check) -> None:
    """MemoryReplayStore passes each check that a store without a disk can be held to."""
    clock = Clock()
    check(Bench(MemoryReplayStore(clock=clock), clock, small=lambda: MemoryReplayStore(capacity=1, clock=clock)))


@every_check
def test_the_ledger_conforms(check, where: Where) -> None:  # noqa: F811
    """The ledger, on each engine, passes each check that a store on a disk can be held to."""
    clock = Clock()
    database = where.open()
    envelope = start_chain(database, now=NOW).envelope
    ledgers = [Ledger(database, envelope, clock=clock).start()]

    def reopen() -> ReplayStore:
        ledgers[-1].close()
        ledgers.append(Ledger(database, envelope, clock=clock).start())
        return ledgers[-1]

    try:
        check(Bench(ledgers[0], clock, reopen=reopen))
    finally:
        ledgers[-1].close()
        database.dispose()


class Forgetful:
    """A store that remembers nothing."""

    def consume(self, burn: Burn, /) -> None:
        """Accept everything."""


class Joined:
    """A store that runs the three names together and never looks at dates, clock or room."""

    def __init__(self) -> None:
        self.used: dict[str, Burn] = {}

    def consume(self, burn: Burn, /) -> None:
        """Refuse what has the same letters."""
        if self.used.setdefault(burn.purpose + burn.issuer + burn.id, burn) is not burn:
            raise ReplayedError("It was used before.")


@pytest.mark.parametrize(
    "store,missed",
    [
        (Forgetful, {"check_restart", "check_full"}),
        (Joined, {"check_restart", "check_full", "check_once", "check_any_name", "check_threads", "check_expiry"}),
    ],
)
def test_a_careless_store_is_found_out(store, missed) -> None:
    """A store that forgets, joins names, or ignores dates and its clock fails the checks about that."""
    passed = set()
    for check in CHECKS:
        clock = Clock()
        try:
            check(Bench(store(), clock))
        except (AssertionError, ReplayedError):
            continue
        passed.add(check.__name__)
    assert passed == missed


def test_memory_is_given_back_when_things_expire() -> None:
    """A store in memory forgets what has expired, so that its size follows the rate of use."""
    clock = Clock()
    store = MemoryReplayStore(capacity=100, clock=clock)
    for step in range(1000):
        clock.now = NOW + step * 10
        store.consume(Burn("p", "i", str(step), clock.now + 30))
    assert len(store) < 12
    assert repr(store) == f"MemoryReplayStore({len(store)} of 100)"


def test_a_refused_thing_takes_no_room() -> None:
    """What a full store refused can be used as soon as there is room."""
    clock = Clock()
    store = MemoryReplayStore(capacity=1, clock=clock)
    store.consume(Burn("p", "i", "a", NOW + 1))
    with pytest.raises(ReplayStoreError):
        store.consume(Burn("p", "i", "b", NOW + 500))
    clock.now = NOW + 100
    store.consume(Burn("p", "i", "b", NOW + 500))


def test_a_clock_without_a_value_lets_nothing_pass() -> None:
    """A clock that says NaN makes the store refuse."""
    with pytest.raises(ReplayStoreError):
        MemoryReplayStore(clock=lambda: float("nan")).consume(Burn("p", "i", "a", NOW))


@pytest.mark.parametrize("wrong", [{"capacity": 0}, {"capacity": 1.5}, {"capacity": True}, {"clock": 7}])
def test_a_store_that_makes_no_sense_is_not_built(wrong) -> None:
    """A capacity that is no positive integer, or a clock that cannot be called, is refused at once."""
    with pytest.raises(PolicyError):
        MemoryReplayStore(**wrong)
