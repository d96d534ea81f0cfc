"""The application: the operations of the roles that this process plays, behind the guard, on ASGI.

Every operation is served in the same way, the busiest too: one table of paths made from the rows that make the OpenAPI
document, one request object, one reply. No framework stands in between.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter_ns
from typing import Final

from ..assemble import House, is_loopback
from ..audit.record import RequestIds
from ..errors import UndersignError
from ..runner import Runner
from . import problem
from .audit_routes import AuditRoutes
from .crash import crash_points
from .exchange import Receive, Reply, Request, Scope, Send
from .guard import allowed_hosts, fields_of_every_answer
from .health import HealthRoutes
from .lifespan import Lifespan
from .oauth_routes import OAuthRoutes
from .operation import Endpoint, Operation
from .request_log import RequestLog
from .root import RootRoutes
from .signing_routes import SigningRoutes

__all__ = ["Application", "create"]

_NO_PARAMETERS: Final[Mapping[str, str]] = {}


class Application:
    """One process's application.

    Args:
        operations: What is served.
        url: The address under which; any other Host is refused.
        lifespan: What lives as long as the application does.
        log: Where each request is noted; None for nowhere.
    """

    def __init__(
        self, operations: Iterable[Operation], *, url: str, lifespan: Lifespan, log: RequestLog | None = None
    ) -> None:
        self._hosts = allowed_hosts(url)
        self._fields = fields_of_every_answer(url)
        self._lifespan = lifespan
        self._log = log
        self._ids = RequestIds()
        self._exact: dict[str, dict[str, Operation]] = {}
        self._patterns: list[tuple[str, str, str, dict[str, Operation]]] = []
        for operation in operations:
            self._add(operation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the life of the application."""
        if scope["type"] != "http":
            await self._lifespan(scope, receive, send)
            return
        begun, request_id = perf_counter_ns(), self._ids.new()
        try:
            reply = await self._endpoint(scope)(Request(scope, receive, request_id))
        except UndersignError as error:
            reply = problem.answer(error, worker=scope.get("path_params", _NO_PARAMETERS).get("worker", ""))
        except _Unserved as unserved:
            reply = unserved.reply
        except Exception:
            self._note(scope, problem.plain(500), begun, request_id)
            await self._send(problem.plain(500), scope, send)
            raise
        if self._log is not None:
            self._note(scope, reply, begun, request_id)
        await self._send(reply, scope, send)

    def _note(self, scope: Scope, reply: Reply, begun: int, request_id: str) -> None:
        if self._log is not None:
            self._log.add(
                method=scope["method"],
                path=scope["path"],
                status=reply.status,
                microseconds=(perf_counter_ns() - begun) // 1000,
                octets=len(reply.body),
                request_id=request_id,
            )

    async def _send(self, reply: Reply, scope: Scope, send: Send) -> None:
        length = (b"content-length", b"%d" % len(reply.body))
        fields = [(b"content-type", reply.media_type), length, *reply.headers, *self._fields]
        body = b"" if scope["method"] == "HEAD" else reply.body
        await send({"type": "http.response.start", "status": reply.status, "headers": fields})
        await send({"type": "http.response.body", "body": body})

    def _endpoint(self, scope: Scope) -> Endpoint:
        """Find the operation that is asked for; its path's parameters are put into the scope."""
        path: str = scope["path"]
        if (
            b"%2f" in scope.get("raw_path", b"").lower()
        ):  # it is no separator, and in front of us it may be taken for one
            raise _Unserved(problem.plain(404))
        given = [value for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 or given[0].lower() not in self._hosts:
            raise _Unserved(problem.plain(421, "The Host header names another server than this one."))
        methods = self._exact.get(path)
        for start, end, name, found in () if methods is not None else self._patterns:
            value = path[len(start) : len(path) - len(end)]
            if path.startswith(start) and path.endswith(end) and value and "/" not in value:
                methods, scope["path_params"] = found, {name: value}
                break
        if methods is None:
            raise _Unserved(problem.plain(404))
        operation = methods.get(scope["method"])
        if operation is None:
            raise _Unserved(problem.plain(405, headers=((b"allow", ", ".join(sorted(methods)).encode()),)))
        return operation.endpoint

    def _add(self, operation: Operation) -> None:
        start, brace, rest = operation.path.partition("{")
        if not brace:
            methods = self._exact.setdefault(operation.path, {})
        else:
            name, _, end = rest.partition("}")
            known = [found for *place, found in self._patterns if place == [start, end, name]]
            methods = known[0] if known else {}
            if not known:
                self._patterns.append((start, end, name, methods))
        methods[operation.method] = operation
        if operation.method == "GET":
            methods["HEAD"] = operation


class _Unserved(Exception):  # noqa: N818 - it is a reply, on its way out
    """There is nothing at that address, or not by that method, or for that Host."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


def create(house: House, *, log: RequestLog | None = None) -> Application:
    """Build the application of one process.

    Args:
        house: What it serves.
        log: Where each request is noted; closed with the application. None for nowhere.
    """
    runner = Runner(house.ledger, crash_points(os.environ, loopback=is_loopback(house.settings.server.host)))
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
            if log is not None:
                stack.callback(log.close)
            stack.callback(house.close)
            house.started()
            await stack.enter_async_context(health.probing())
            yield

    return Application((*operations, *root.operations()), url=house.url, lifespan=Lifespan(living), log=log)
