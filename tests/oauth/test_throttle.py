"""Failures at the token endpoint slow an address down, and nobody else."""

import pytest

from undersign.errors import SlowDownError
from undersign.oauth import throttle
from undersign.oauth.throttle import TRIES, Throttle


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def fail(buckets, address, times=TRIES):
    for _ in range(times):
        buckets.check(address)
        buckets.failed(address)


def test_an_address_has_so_many_tries(clock):
    """After its tries an address waits, is told how long, and gets one try back for each second."""
    buckets = Throttle(clock)
    fail(buckets, "192.0.2.1")

    with pytest.raises(SlowDownError) as caught:
        buckets.check("192.0.2.1")
    assert caught.value.retry_after == 1
    clock.now += 1
    fail(buckets, "192.0.2.1", 1)
    with pytest.raises(SlowDownError):
        buckets.check("192.0.2.1")
    clock.now += 3600
    fail(buckets, "192.0.2.1")


def test_others_are_not_slowed_down(clock):
    """The garbage of one address costs no other address a try, were it the next one."""
    buckets = Throttle(clock)
    fail(buckets, "192.0.2.1")
    fail(buckets, "192.0.2.2")
    fail(buckets, "2001:db8::1")
    fail(buckets, "2001:db8:0:1::1")


@pytest.mark.parametrize(
    "one,same", [("2001:db8::1", "2001:db8::ffff"), ("192.0.2.1", "::ffff:192.0.2.1"), ("fe80::1%eth0", "fe80::2%eth1")]
)
def test_one_party_has_one_bucket(clock, one, same):
    """The addresses that one household has, and the two spellings of one address, share their tries."""
    buckets = Throttle(clock)
    fail(buckets, one)

    with pytest.raises(SlowDownError):
        buckets.check(same)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "", "testclient"])
def test_an_address_that_tells_nobody_apart_is_not_slowed_down(clock, address):
    """Behind a proxy on this machine all callers have one address, which must not lock them out together."""
    fail(Throttle(clock), address, 1000)


def test_failures_beyond_the_last_try_do_not_add_up(clock):
    """Requests that were under way when the tries ran out make nobody wait longer."""
    buckets = Throttle(clock)
    for _ in range(1000):
        buckets.failed("192.0.2.1")
    clock.now += 1

    buckets.check("192.0.2.1")


def test_the_number_of_buckets_is_bounded(clock, monkeypatch):
    """Failures from ever new addresses take no more memory; who failed last is remembered."""
    monkeypatch.setattr(throttle, "ADDRESSES", 16)
    buckets = Throttle(clock)
    for number in range(1000):
        buckets.failed(f"10.0.{number >> 8}.{number & 255}")
    fail(buckets, "192.0.2.1")

    assert len(buckets.spent) == 16
    with pytest.raises(SlowDownError):
        buckets.check("192.0.2.1")
