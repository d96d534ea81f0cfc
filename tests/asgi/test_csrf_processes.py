"""One CSRF token in many hands at one moment: several processes, each with threads, over one database."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.asgi.bank import KEY, ORIGIN, Bank, House, cookie_headers
from tests.storage.writing import MASTER, start_chain
from undersign.asgi.csrf import CSRFProtection
from undersign.jwk import load
from undersign.storage.database import Database
from undersign.storage.ledger.ledger import Ledger

PROCESSES = 4
USES = 64


def _serve(
    url: str, chain: str, key: dict[str, str], headers: list[tuple[str, str]], uses: int
) -> tuple[list[int], int]:
    """One server process: it gets the same request many times at once."""
    database = Database.open(url, migrate=False)
    bank = Bank()
    with Ledger(database, MASTER.of(chain), clock=House().clock) as ledger:
        app = CSRFProtection(bank, key=load(key), origin=ORIGIN, replay=ledger, clock=House().clock)
        statuses = asyncio.run(_all(app, headers, uses))
    database.dispose()
    return statuses, len(bank.done)


async def _all(app, headers: list[tuple[str, str]], uses: int) -> list[int]:
    return await asyncio.gather(*(_one(app, headers) for _ in range(uses)))


async def _one(app, headers: list[tuple[str, str]]) -> int:
    sent = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request"}

    async def send(message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/transfer", "query_string": b""}
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await app({**scope, "headers": raw}, receive, send)
    return sent[0]["status"]


@pytest.mark.slow
def test_of_64_parallel_uses_in_several_processes_one_succeeds(tmp_path) -> None:
    """One use is served, and each of the others hears that the form was already sent."""
    house = House()
    url = f"sqlite:{tmp_path}/undersign.db"
    database = Database.open(url)
    chain = start_chain(database, now=int(house.clock())).id
    database.dispose()
    token, headers = cookie_headers(house)
    headers.append(("x-csrf-token", token))
    key = KEY.to_jwk(private=True)
    with ProcessPoolExecutor(PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        waiting = [pool.submit(_serve, url, chain, key, headers, USES // PROCESSES) for _ in range(PROCESSES)]
        found = [each.result(timeout=60) for each in waiting]
    statuses = Counter(status for each, _ in found for status in each)
    assert statuses == {200: 1, 409: USES - 1}
    assert sum(done for _, done in found) == 1
