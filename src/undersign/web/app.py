"""The application: the operations of the roles that this process plays, behind the guard, on ASGI.

Every operation is served in the same way, the busiest too: one table of paths made from the rows that make the OpenAPI
document, one request object, one reply. No framework stands in between.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from ..assemble import House, assemble, is_loopback
from ..errors import UndersignError
from ..runner import Runner
from ..settings import load
from . import problem
from .audit_routes import AuditRoutes
from .crash import Crash
from .exchange import Receive, Reply, Request, Scope, Send
from .guard import Guard
from .health import HealthRoutes
from .lifespan import Lifespan
from .oauth_routes import OAuthRoutes
from .operation import Operation
from .root import RootRoutes
from .signing_routes import SigningRoutes
from .table import Table

__all__ = ["FILE_VARIABLE", "Application", "create", "from_environment"]

FILE_VARIABLE: Final = "UNDERSIGN_FILE"


class Application:
    """One process's application.

    Args:
        operations: What is served.
        url: The address under which; any other Host is refused.
        lifespan: What lives as long as the application does.
    """

    def __init__(self, operations: Iterable[Operation], *, url: str, lifespan: Lifespan) -> None:
        self._guard = Guard(url)
        self._table = Table(operations)
        self._lifespan = lifespan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the application."""
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        reply, failed = self._guard.refusal(scope), None
        if reply is None:
            try:
                reply = await self._answer(scope, receive)
            except Exception as error:  # noqa: BLE001 - told to nobody but the server's log, when it is raised below
                reply, failed = problem.plain(500), error
        headers = self._guard.headers(reply)
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else reply.body})
        if failed is not None:
            raise failed

    async def _answer(self, scope: Scope, receive: Receive) -> Reply:
        found, parameters = self._table.find(scope["method"], scope["path"])
        if isinstance(found, Reply):
            return found
        try:
            return await found.endpoint(Request(scope, receive, parameters))
        except UndersignError as error:
            return problem.answer(error, worker=parameters.get("worker", ""))


def create(house: House) -> Application:
    """Build the application of one process."""
    crash = Crash(os.environ, loopback=is_loopback(house.settings.server.host))
    runner = Runner(house.ledger, crash.at)
    health = HealthRoutes(house)
    rooms: list[OAuthRoutes | SigningRoutes | AuditRoutes | HealthRoutes] = [health]
    if "signing" in house.settings.server.roles:
        rooms[:0] = [SigningRoutes(house, runner), AuditRoutes(house)]
    if house.authorization is not None:
        rooms.insert(0, OAuthRoutes(house, house.authorization, runner))
    operations = [operation for room in rooms for operation in room.operations()]
    root = RootRoutes(house, operations)

    @asynccontextmanager
    async def living() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(house.close)
            house.started()
            await stack.enter_async_context(health.probing())
            yield

    return Application((*operations, *root.operations()), url=house.url, lifespan=Lifespan(living))


def from_environment() -> Application:
    """Build the application of the file that ``UNDERSIGN_FILE`` names: what each of several processes calls."""
    return create(assemble(load(Path(os.environ[FILE_VARIABLE]))))
