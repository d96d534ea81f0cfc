"""Stored one-time values: found by their secret, used up exactly once, in the commit of what they buy."""

import asyncio
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.storage.writing import MASTER, NOW, burn, intent, let_go, run, settle, settle_in
from undersign.access.one_time import Keep, Kept, UseUp, mint, reference
from undersign.cryptotoken.lifecycle import KeyUse
from undersign.errors import (
    ConflictError,
    ExpiredTokenError,
    ReplayedError,
    ReplayStoreError,
    StorageError,
    UnusableKeyError,
)
from undersign.storage.ledger.ledger import Ledger

BOUND = {"client": "reports", "scopes": ["sign"]}


@pytest.fixture
def secret(ledger):
    """A kept value that nobody has used."""
    made, keep = mint("code", BOUND, expires_at=NOW + 60)
    ledger.submit(intent(1, keep)).result()
    return made


def use(ledger, secret, number=2):
    return ledger.submit(intent(number, ledger.reading.find("code", secret, NOW).use_up())).result()


def test_a_value_is_found_by_its_secret_and_used_once(ledger, secret, database):
    """What was bound to the secret comes back with it, once; the database has neither in the open."""
    kept = ledger.reading.find("code", secret, NOW)
    use(ledger, secret)

    assert (kept.purpose, kept.bound, kept.expires_at, kept.seq) == ("code", BOUND, NOW + 60, 2)
    with pytest.raises(ReplayedError, match="used before"):
        ledger.reading.find("code", secret, NOW)
    with pytest.raises(ReplayedError, match="used before"):
        ledger.submit(intent(3, kept.use_up())).result()
    ((stored, sealed),) = run(database, "SELECT reference, sealed FROM one_time")
    assert secret not in stored
    assert b"reports" not in bytes(sealed)


def test_secrets_are_long_and_different():
    """A secret has 256 bits, no two are the same, and purposes never share a reference."""
    made = {mint("code", {}, expires_at=NOW)[0] for _ in range(100)}

    assert len(made) == 100
    assert {len(secret) for secret in made} == {43}
    assert len({reference("a", "bc"), reference("ab", "c"), reference("a", "b"), reference("b", "a")}) == 4


@pytest.mark.parametrize("purpose", ["", "Code", "code ", "refresh"])
def test_a_value_of_another_purpose_is_not_there(ledger, secret, purpose):
    """A code passes for nothing else, by its secret or by its reference."""
    with pytest.raises(ReplayedError):
        ledger.reading.find(purpose, secret, NOW)
    kept = ledger.reading.find("code", secret, NOW)
    for wrong in (kept._replace(purpose=purpose), kept._replace(seq=kept.seq + 1), kept._replace(reference="0" * 64)):
        with pytest.raises(ReplayedError):
            ledger.submit(intent(2, wrong.use_up())).result()
    use(ledger, secret)


def test_an_expired_value_is_refused_when_found_and_when_used(ledger, secret, clock):
    """From its end on it is refused, also where it was found before."""
    kept = ledger.reading.find("code", secret, NOW + 59)
    with pytest.raises(ExpiredTokenError):
        ledger.reading.find("code", secret, NOW + 60)
    clock.now = NOW + 60
    with pytest.raises(ExpiredTokenError):
        ledger.submit(intent(2, kept.use_up())).result()


def test_a_clock_that_is_behind_uses_nothing_up(database, chain, ledger, secret, clock):
    """With the clock set back a value cannot be told from one that ended, so it is refused, and not used up."""
    kept = ledger.reading.find("code", secret, NOW)
    clock.now = NOW - 60
    with pytest.raises(ReplayStoreError):
        ledger.submit(intent(2, kept.use_up())).result()
    clock.now = NOW
    ledger.submit(intent(3, kept.use_up())).result()


def test_a_refused_write_leaves_the_value_unused(ledger, secret):
    """A value is used up in the commit of what it buys: where that is refused, it is as good as before."""
    kept = ledger.reading.find("code", secret, NOW)
    for wrong, error in ((KeyUse("nobody", 1), UnusableKeyError), (burn(expires_at=NOW - 100), ExpiredTokenError)):
        for changes in ((kept.use_up(), wrong), (wrong, kept.use_up())):
            with pytest.raises(error):
                ledger.submit(intent(2, *changes)).result()

    assert use(ledger, secret).line.seq == 3


def test_two_uses_in_one_batch_are_settled_in_order(database, chain, ledger, secret, clock):
    """Of two writes in one batch that use one value, the first gets it; a refused one leaves it to the next."""
    use_up = ledger.reading.find("code", secret, NOW).use_up()
    verdicts = settle(
        database,
        chain,
        clock,
        intent(1, use_up, KeyUse("nobody", 1)),
        intent(2, use_up),
        intent(3, use_up),
    )

    assert verdicts == ["UnusableKeyError", "ok", "ReplayedError"]


def test_a_value_may_be_kept_and_used_in_one_batch(database, chain, clock):
    """What a batch keeps is there for the writes behind it; the same secret is kept once."""
    ledger = Ledger(database, chain.envelope, clock=clock)
    _, keep = mint("code", BOUND, expires_at=NOW + 60)
    used = Kept("code", keep.reference, BOUND, keep.expires_at, 2).use_up()
    verdicts = settle_in(ledger, intent(1, keep), intent(2, keep), intent(3, used), intent(4, used))
    let_go(ledger)

    assert verdicts == ["ok", "ConflictError", "ok", "ReplayedError"]
    with pytest.raises(ReplayedError):
        ledger.reading.find("code", "x", NOW)


def test_a_secret_is_not_kept_twice(ledger, secret):
    """A second value of one secret is refused, and the first stays as it is."""
    other = Keep("code", reference("code", secret), {"client": "eve"}, NOW + 60)
    with pytest.raises(ConflictError):
        ledger.submit(intent(2, other)).result()

    assert ledger.reading.find("code", secret, NOW).bound == BOUND


TAMPERED = {
    "a longer life": "UPDATE one_time SET expires_at = expires_at + 1000",
    "another purpose": "UPDATE one_time SET purpose = 'refresh'",
    "another line": "UPDATE one_time SET seq = seq + 1",
    "nothing bound": "UPDATE one_time SET sealed = (SELECT sealed FROM keys)",
}


@pytest.mark.parametrize("sql", TAMPERED.values(), ids=TAMPERED)
def test_a_value_that_was_changed_is_not_found(ledger, secret, database, sql):
    """What is bound to a value is sealed to its secret, purpose, end and line: a changed row gives nothing."""
    run(database, sql)

    with pytest.raises(StorageError):
        ledger.reading.find("code", secret, NOW)


@pytest.mark.parametrize("purpose", ["code", "refresh"])
def test_a_value_that_was_put_in_is_not_found(ledger, secret, database, purpose):
    """A row that somebody without the master key adds for a secret of his own gives nothing."""
    ((sealed,),) = run(database, "SELECT sealed FROM one_time")
    run(
        database,
        "INSERT INTO one_time (reference, purpose, expires_at, seq, used, sealed) VALUES (:r, :p, :e, 2, 0, :s)",
        r=reference(purpose, "mine"),
        p=purpose,
        e=NOW + 60,
        s=bytes(sealed),
    )

    with pytest.raises(StorageError):
        ledger.reading.find(purpose, "mine", NOW)
    assert ledger.reading.find("code", secret, NOW).bound == BOUND


def test_sixty_four_parallel_uses_give_one(ledger, secret):
    """Of any number of uses at once, found before any was committed, one wins."""
    use_up = ledger.reading.find("code", secret, NOW).use_up()

    def attempt(number):
        try:
            ledger.submit(intent(number, use_up)).result()
        except ReplayedError:
            return 0
        return 1

    with ThreadPoolExecutor(64) as pool:
        assert sum(pool.map(attempt, range(64))) == 1


def test_parallel_uses_through_two_ledgers_give_one(where, database, chain, ledger, secret, clock):
    """Two processes' ledgers on one database, each with its own connection, let one use through."""
    use_up = ledger.reading.find("code", secret, NOW).use_up()
    other = where.open()

    async def race(two):
        tries = [each.commit(intent(n, use_up)) for n in range(16) for each in (ledger, two)]
        return await asyncio.gather(*tries, return_exceptions=True)

    with Ledger(other, chain.envelope, clock=clock) as two:
        found = asyncio.run(race(two))
    other.dispose()

    assert [type(each).__name__ for each in found].count("Committed") == 1
    assert {type(each).__name__ for each in found} == {"Committed", "ReplayedError"}


def _use_in_a_process(place, chain, secret, results):
    database = place.open(migrate=False)
    won = 0
    with Ledger(database, MASTER.of(chain), clock=lambda: NOW) as ledger:
        try:
            for _ in range(8):
                use(ledger, secret)
                won += 1
        except ReplayedError:
            pass
    database.dispose()
    results.put(won)


@pytest.mark.slow
def test_uses_in_two_processes_give_one(where, chain, secret):
    """Two processes that use one value, again and again, get it once in all."""
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    processes = [spawn.Process(target=_use_in_a_process, args=(where, chain.id, secret, results)) for _ in range(2)]
    for process in processes:
        process.start()
    won = [results.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert sum(won) == 1


def test_a_value_that_ended_is_forgotten_after_an_hour(database, chain, ledger, secret, clock):
    """A row stays until an hour after its end, used or not, and then makes room."""
    counts = []
    for after in (60 + 3500, 60 + 3700):
        clock.now = NOW + after
        ledger.submit(intent(after)).result()
        counts.append(run(database, "SELECT count(*) FROM one_time")[0][0])

    assert counts == [1, 0]


def test_using_up_something_that_was_never_kept_is_refused(ledger):
    """A use without a value is refused, like one that was used."""
    with pytest.raises(ReplayedError):
        ledger.submit(intent(1, UseUp("code", "0" * 64, 1))).result()
    with pytest.raises(ReplayedError):
        ledger.reading.find("code", "never", NOW)
