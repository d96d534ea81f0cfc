"""Whether this process is alive, and whether it could serve: a probe in the background, never a production key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

from ..assemble import House
from ..errors import UndersignError
from ..storage.ledger.lines import head_line
from .answers import Health
from .exchange import Reply, Request, json_answer
from .operation import Answer, Operation

__all__ = ["HealthRoutes"]

_EVERY: Final = 5.0  # seconds


class HealthRoutes:
    """/healthz and /readyz; the second answers what the last probe found and causes nothing itself."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._found = {"database": "not yet looked at"}

    def operations(self) -> tuple[Operation, ...]:
        """What is served."""
        alive = Answer(200, "the process answers", "application/json", Health)
        ready = Answer(200, "the last probe found everything in order", "application/json", Health)
        unready = Answer(503, "the last probe found something missing", "application/json", Health)
        return (
            Operation("healthz", "GET", "/healthz", "Is the process alive?", self.healthz, (alive,)),
            Operation("readyz", "GET", "/readyz", "Could it serve now?", self.readyz, (ready, unready)),
        )

    async def healthz(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """Answer."""
        return json_answer(Health("ok", {}))

    async def readyz(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """Tell what the last probe found."""
        ready = all(found == "ok" for found in self._found.values())
        return json_answer(Health("ok" if ready else "not ready", self._found), status=200 if ready else 503)

    @asynccontextmanager
    async def probing(self) -> AsyncIterator[None]:
        """Probe now, and every few seconds while the server runs."""
        await self._probe()
        task = asyncio.create_task(self._keep_probing())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _keep_probing(self) -> None:
        while True:
            await asyncio.sleep(_EVERY)
            await self._probe()

    async def _probe(self) -> None:
        checks: dict[str, Callable[[], object]] = {
            "database": lambda: head_line(self._house.database),
            "ledger": self._house.ledger.check_running,
            "clock": lambda: self._house.ledger.reading.check_clock(self._house.clock()),
            "crypto_token": self._house.probe,
        }
        self._found = {name: await asyncio.to_thread(_outcome, check) for name, check in checks.items()}


def _outcome(check: Callable[[], object]) -> str:
    try:
        check()
    except UndersignError as error:
        return error.code
    return "ok"
