"""Who waits for a fetch of a remote key set, who does not, and that there is one at a time: threads, tasks, floods."""

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest

from tests.jwks.tls import Clock, document, eventually, fetcher, find, no_thread_left, reply, serving
from undersign import jwk, jwks
from undersign.errors import UnknownKeyError
from undersign.jwks.remote import since_start

ONE, TWO = jwk.generate("ES256"), jwk.generate("ES256")


@pytest.fixture(autouse=True)
def threads():
    """No test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    no_thread_left(before)


@pytest.fixture
def clock():
    return Clock()


def _found(keys, key):
    try:
        return find(keys, key) == key.kid
    except UnknownKeyError:
        return False


def test_a_set_is_renewed_ahead_while_it_serves(clock):
    """In the last fifth of its time a set is fetched behind the callers, who go on with the one at hand."""
    with serving(reply(document(ONE))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)
        find(keys, ONE)
        server.answer = lambda *given: (server.wait(0.3), reply(document(TWO))(*given))
        clock.now = 241
        started = time.monotonic()
        for _ in range(50):
            assert find(keys, ONE) == ONE.kid
        assert time.monotonic() - started < 0.3
        eventually(lambda: _found(keys, TWO))

    assert len(server.asked) == 2


def test_a_failing_endpoint_makes_nobody_wait_twice(clock):
    """Once an attempt has failed, the next ones are made behind the callers, whom the last good set serves."""
    with serving(reply(document(ONE))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(timeout=0.5), clock=clock, ahead=0)
        find(keys, ONE)
        server.answer = lambda connection, _: connection.recv(1)
        clock.now = 301
        find(keys, ONE)
        clock.now = 340
        started = time.monotonic()
        assert find(keys, ONE) == ONE.kid
        assert time.monotonic() - started < 0.4
        eventually(lambda: len(server.asked) == 3)


def test_a_kid_flood_from_32_threads_causes_one_fetch(clock):
    """Threads that all present made-up kids drive one fetch per cooldown, one at a time."""
    with serving(lambda *given: (time.sleep(0.05), reply(document(ONE))(*given))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)
        unknown, known = [], []

        def flood(thread):
            for number in range(20):
                try:
                    keys.find(f"{thread}.{number}", None, "ES256")
                except UnknownKeyError:
                    unknown.append(number)
                known.append(find(keys, ONE))

        for clock.now in (0.0, 31.0, 62.0):
            threads = [threading.Thread(target=flood, args=(number,)) for number in range(32)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    assert len(server.asked) == 3
    assert server.most_at_once == 1
    assert (len(unknown), len(known)) == (3 * 640, 3 * 640)


def test_a_kid_flood_from_200_tasks_causes_one_fetch(clock):
    """Tasks that all present made-up kids and await a refresh drive one fetch per cooldown, and block no loop."""
    with serving(lambda *given: (time.sleep(0.05), reply(document(ONE))(*given))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)
        ticks = []

        async def ask(number):
            for _ in range(5):
                with pytest.raises(UnknownKeyError) as caught:
                    keys.find(f"{number}", None, "ES256")
                await caught.value.source.refresh()
                assert find(keys, ONE) == ONE.kid

        async def tick():
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.005)

        async def walk():
            ticking = asyncio.create_task(tick())
            await asyncio.gather(*(ask(number) for number in range(200)))
            ticking.cancel()

        for clock.now in (0.0, 31.0):
            asyncio.run(walk())

    assert len(server.asked) == 2
    assert server.most_at_once == 1
    assert len(ticks) > 10


def test_threads_and_loops_share_one_fetch(clock):
    """A key set that serves threads and two event loops at once still has one fetch under way."""
    with serving(lambda *given: (time.sleep(0.1), reply(document(ONE))(*given))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)
        found = []

        async def walk():
            await asyncio.gather(*(keys.refresh() for _ in range(20)))
            found.append(find(keys, ONE))

        workers = [threading.Thread(target=lambda: found.append(find(keys, ONE))) for _ in range(8)]
        workers += [threading.Thread(target=lambda: asyncio.run(walk())) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    assert (len(server.asked), server.most_at_once, found) == (1, 1, [ONE.kid] * 10)


def test_in_a_loop_a_set_is_renewed_ahead_by_a_task(clock):
    """In the last fifth of its time a set is renewed by a task of the loop, and find neither raises nor waits."""
    with serving(reply(document(ONE))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)

        async def walk():
            await keys.refresh()
            server.answer = reply(document(TWO))
            clock.now = 241
            for _ in range(20):
                assert find(keys, ONE) == ONE.kid
            while not _found(keys, TWO):  # noqa: ASYNC110 - the task that renews is nobody's to await
                await asyncio.sleep(0.005)

        asyncio.run(asyncio.wait_for(walk(), 5))

    assert len(server.asked) == 2


def test_a_cancelled_caller_does_not_cancel_the_fetch_of_others(clock):
    """A request that is given up leaves the refresh to those who still wait for it."""
    with serving(lambda *given: (time.sleep(0.1), reply(document(ONE))(*given))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)

        async def walk():
            given_up, waiting = asyncio.create_task(keys.refresh()), asyncio.create_task(keys.refresh())
            await asyncio.sleep(0.02)
            given_up.cancel()
            await waiting
            return find(keys, ONE)

        assert asyncio.run(walk()) == ONE.kid

    assert len(server.asked) == 1


FORKING = """
import os, threading, time
from undersign import jwk, jwks
from undersign.encoding import dump_json
from undersign.fetch import Fetched

key, entered, go = jwk.generate("ES256"), threading.Event(), threading.Event()
parent = os.getpid()

def fetch(url):
    if os.getpid() == parent:
        entered.set()
        go.wait(20)
    return Fetched(dump_json({"keys": [key.public().to_jwk()]}), "application/json")

keys = jwks.RemoteKeySet("https://as.example/jwks.json", fetch=fetch)
thread = threading.Thread(target=keys.find, args=(key.kid, None, "ES256"))
thread.start()
entered.wait(20)
child = os.fork()
if child == 0:
    os._exit(0 if keys.find(key.kid, None, "ES256").kid == key.kid else 1)
deadline, done = time.monotonic() + 10, (0, 1)
while done[0] == 0 and time.monotonic() < deadline:
    done = os.waitpid(child, os.WNOHANG)
    time.sleep(0.01)
if done[0] == 0:
    os.kill(child, 9)
    done = os.waitpid(child, 0)
go.set()
thread.join()
print(done[1])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_was_forked_during_a_fetch_fetches_for_itself():
    """A server that forks its workers while a set is being fetched leaves them no lock that nobody gives back."""
    program = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING]
    done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_the_default_clock_goes_forward():
    """Freshness is measured by a clock that setting the time of day does not move."""
    before = since_start()
    assert before <= since_start() < before + 60
