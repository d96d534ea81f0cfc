"""Remote key sets: when they are fetched, how long they serve, and what never replaces a good one."""

import asyncio
import threading

import pytest

from undersign import jwk, jwt
from undersign.encoding import dump_json
from undersign.errors import AlgorithmNotAllowedError, FetchError, PolicyError, UnknownKeyError
from undersign.fetch import Fetched
from undersign.jwks.remote import RemoteKeySet
from undersign.limits import Limits

ONE, TWO = jwk.generate("ES256"), jwk.generate("ES256")


def document(*keys):
    return dump_json({"keys": [key.public().to_jwk() for key in keys]})


class Endpoint:
    """What a fetch gives, how often it was asked, and a clock."""

    def __init__(self, *keys):
        self.answer, self.asked, self.now = document(*keys), 0, 1000.0

    def __call__(self, _):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return Fetched(self.answer, "application/json")

    def clock(self):
        return self.now

    def keys(self, **more):
        return RemoteKeySet("https://as.example/jwks.json", fetch=self, clock=self.clock, **more)


def find(keys, key):
    return keys.find(key.kid, None, "ES256").kid


def test_the_set_is_fetched_once_while_fresh():
    """Nothing is fetched before it is needed, and a fresh set is not fetched again."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys(ahead=0)
    assert endpoint.asked == 0
    for _ in range(10):
        assert find(keys, ONE) == ONE.kid

    endpoint.now += 299
    find(keys, ONE)
    assert endpoint.asked == 1
    endpoint.now += 2
    find(keys, ONE)
    assert endpoint.asked == 2


def test_an_unknown_kid_fetches_once_per_cooldown():
    """However many tokens name keys that do not exist, the endpoint is asked once in 30 seconds."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys()
    find(keys, ONE)
    for _ in range(50):
        with pytest.raises(UnknownKeyError):
            find(keys, TWO)
    assert endpoint.asked == 1

    endpoint.now += 31
    for _ in range(50):
        with pytest.raises(UnknownKeyError):
            find(keys, TWO)
    assert endpoint.asked == 2


def test_a_rotated_key_is_found_after_the_cooldown():
    """A key that was just published is found as soon as asking again is allowed."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys()
    find(keys, ONE)
    endpoint.answer = document(ONE, TWO)
    endpoint.now += 31

    assert find(keys, TWO) == TWO.kid


def test_a_key_gone_from_a_good_answer_is_dropped_at_once():
    """A revoked key serves no longer than the set that still had it."""
    endpoint = Endpoint(ONE, TWO)
    keys = endpoint.keys()
    find(keys, ONE)
    endpoint.answer = document(TWO)
    endpoint.now += 301

    with pytest.raises(UnknownKeyError):
        find(keys, ONE)


BAD = {
    "down": FetchError("down"),
    "empty": b'{"keys":[]}',
    "page": b"<html></html>",
    "array": b"[]",
    "no array": b'{"keys":{}}',
    "secret": b'{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}',
    "nothing usable": b'{"keys":[{"kty":"XYZ"}]}',
    "twice": b'{"keys":[],"keys":[]}',
    "not UTF-8": b"\xff",
    "private": dump_json({"keys": [ONE.to_jwk(private=True)]}),
    "too many": dump_json({"keys": [{"kty": "XYZ"}] * 1025}),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_answer_never_replaces_a_good_set(bad):
    """Down, empty, a page, secrets, too many: the last good set serves on, until it is a day old."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys()
    find(keys, ONE)
    endpoint.answer = BAD[bad]
    endpoint.now += 86_000
    assert find(keys, ONE) == ONE.kid
    with pytest.raises(UnknownKeyError):
        find(keys, TWO)

    endpoint.now += 500
    with pytest.raises(UnknownKeyError):
        find(keys, ONE)


@pytest.mark.parametrize("bad", BAD)
def test_a_first_bad_answer_gives_no_key(bad):
    """With nothing good to fall back on, no key is found, and the reason is told."""
    endpoint = Endpoint(ONE)
    endpoint.answer = BAD[bad]

    with pytest.raises(UnknownKeyError, match=r"\("):
        find(endpoint.keys(), ONE)


def test_a_bad_member_is_left_out():
    """A key of a kind that we do not know does not spoil its neighbours (RFC 7517 section 5)."""
    endpoint = Endpoint()
    endpoint.answer = dump_json({"keys": [{"kty": "XYZ", "kid": "x"}, ONE.public().to_jwk()]})

    assert find(endpoint.keys(), ONE) == ONE.kid


LEFT_OUT = {
    "private": (ONE.to_jwk(private=True), "private_key_given"),
    "secret": ({"kty": "oct", "kid": "s", "k": "c2VjcmV0"}, "private_key_given"),
    "unknown kind": ({"kty": "XYZ", "kid": "x"}, "invalid_key"),
    "off the curve": ({"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}, "invalid_key"),
    "text": (ONE.public().to_pem(), "invalid_key"),
    "number": (1, "invalid_key"),
}


@pytest.mark.parametrize("kind", LEFT_OUT)
def test_what_is_left_out_is_reported(kind):
    """Private keys, secrets and unsound keys of a set serve nobody, and are told by place, kid and reason."""
    member, code = LEFT_OUT[kind]
    endpoint, told = Endpoint(), []
    endpoint.answer = dump_json({"keys": [TWO.public().to_jwk(), member]})
    keys = endpoint.keys(on_refresh=told.append)

    assert find(keys, TWO) == TWO.kid
    (skipped,) = keys.skipped
    assert (skipped.index, skipped.error.code) == (1, code)
    assert (told[0].error, told[0].changed, told[0].keys, told[0].skipped) == (None, True, 1, keys.skipped)
    with pytest.raises(UnknownKeyError):
        find(keys, ONE)


def test_the_number_of_keys_is_capped():
    """A set with one member too many is a bad answer, sound keys or not; a caller's Limits may say fewer."""
    endpoint = Endpoint()
    endpoint.answer = dump_json({"keys": [ONE.public().to_jwk(), *[{"kty": "XYZ"}] * 1024]})
    with pytest.raises(UnknownKeyError, match="at most 1024 keys"):
        find(endpoint.keys(), ONE)
    endpoint.answer = document(ONE, TWO)
    with pytest.raises(UnknownKeyError, match="at most 1 keys"):
        find(endpoint.keys(limits=Limits(keys=1)), ONE)


def test_a_key_that_is_published_with_its_private_half_is_dropped():
    """A key whose private half appears in a later answer serves no more: everybody has it."""
    endpoint = Endpoint(ONE, TWO)
    keys = endpoint.keys()
    find(keys, ONE)
    endpoint.answer = dump_json({"keys": [ONE.to_jwk(private=True), TWO.public().to_jwk()]})
    endpoint.now += 301

    with pytest.raises(UnknownKeyError):
        find(keys, ONE)


def test_failures_are_told():
    """Each attempt is told with its error, and with how old the set is that serves on."""
    endpoint, told = Endpoint(ONE), []
    keys = endpoint.keys(on_refresh=told.append)
    find(keys, ONE)
    assert keys.failure is None
    endpoint.answer = FetchError("down")
    endpoint.now += 301
    find(keys, ONE)

    assert told[1] == ("https://as.example/jwks.json", keys.failure, False, 1, (), 301.0)
    assert keys.failure.code == "fetch_failed"


def test_a_fetch_of_another_library_may_raise_what_the_system_raises():
    """An OSError of a replaced fetch is a failure like any other, and no other exception leaves find."""
    endpoint = Endpoint(ONE)
    endpoint.answer = ConnectionResetError("by peer")

    with pytest.raises(UnknownKeyError, match="ConnectionResetError"):
        find(endpoint.keys(), ONE)


def test_another_algorithm_fetches_nothing():
    """A token that names a known key and another algorithm cannot drive fetches."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys()
    find(keys, ONE)
    endpoint.now += 31
    with pytest.raises(AlgorithmNotAllowedError):
        keys.find(ONE.kid, None, "ES384")

    assert endpoint.asked == 1


def test_in_an_event_loop_nothing_is_fetched_until_it_is_awaited():
    """find raises with itself as the source; refresh fetches, in another thread; then the key is there."""
    endpoint = Endpoint(ONE)
    threads = []
    keys = RemoteKeySet("https://x.example", fetch=lambda url: threads.append(threading.get_ident()) or endpoint(url))

    async def walk():
        with pytest.raises(UnknownKeyError) as caught:
            find(keys, ONE)
        assert caught.value.source is keys
        assert endpoint.asked == 0
        await caught.value.source.refresh()
        return find(keys, ONE)

    assert asyncio.run(walk()) == ONE.kid
    assert threads[0] != threading.get_ident()


def test_in_an_event_loop_a_set_that_is_due_is_renewed():
    """A revoked key does not live on in async code until max_stale: after ttl, find asks to be refreshed."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys()

    async def walk():
        await keys.refresh()
        find(keys, ONE)
        endpoint.answer = document(TWO)
        endpoint.now += 301
        with pytest.raises(UnknownKeyError):
            find(keys, ONE)
        await keys.refresh()
        with pytest.raises(UnknownKeyError):
            find(keys, ONE)
        endpoint.answer = FetchError("down")
        endpoint.now += 301
        with pytest.raises(UnknownKeyError):
            find(keys, TWO)
        await keys.refresh()
        return find(keys, TWO)

    assert asyncio.run(walk()) == TWO.kid
    assert endpoint.asked == 3


def test_threads_that_wait_for_a_fetch_share_its_result():
    """Whoever waited for another's fetch finds the key, and does not run into the cooldown."""
    endpoint, entered, go = Endpoint(ONE), threading.Event(), threading.Event()

    def slow(url):
        entered.set()
        go.wait(5)
        return endpoint(url)

    keys, found = RemoteKeySet("https://x.example", fetch=slow), []
    threads = [threading.Thread(target=lambda: found.append(find(keys, ONE))) for _ in range(8)]
    for thread in threads:
        thread.start()
    entered.wait(5)
    go.set()
    for thread in threads:
        thread.join()

    assert (len(found), endpoint.asked) == (8, 1)


def test_many_who_refresh_share_one_fetch():
    """A hundred requests that all miss the key cause one fetch."""
    endpoint = Endpoint(ONE)
    keys = endpoint.keys()

    async def walk():
        await asyncio.gather(*(keys.refresh() for _ in range(100)))

    asyncio.run(walk())
    assert endpoint.asked == 1


def test_a_verifier_awaits_one_refresh():
    """averify with a remote key set verifies a token whose key it has never seen."""
    endpoint = Endpoint(ONE)
    verifier = jwt.Verifier(endpoint.keys(), issuer="https://as.example", audience="me", algorithms=["ES256"])
    token = jwt.Signer(ONE, issuer="https://as.example", audience="me").sign({"sub": "ana"})

    assert asyncio.run(verifier.averify(token)).claims["sub"] == "ana"
    assert endpoint.asked == 1


def test_times_that_contradict_one_another_are_refused():
    """A set that is stale before it may be fetched again is a mistake."""
    for times in ({"cooldown": 0}, {"ttl": 10}, {"max_stale": 100}, {"max_ttl": 299}, {"ahead": 1}, {"ahead": -0.1}):
        with pytest.raises(PolicyError):
            RemoteKeySet("https://x.example", **times)
