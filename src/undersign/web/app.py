"""The application: the routes of the roles that this process plays, inside the guard."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from ..assemble import House, assemble, is_loopback
from ..errors import UndersignError
from ..settings import load
from . import problem
from .audit_routes import AuditRoutes
from .crash import Crash
from .guard import Guard
from .health import HealthRoutes
from .oauth_routes import OAuthRoutes
from .operation import route
from .root import RootRoutes
from .signing_routes import SigningRoutes

__all__ = ["FILE_VARIABLE", "create", "from_environment"]

FILE_VARIABLE: Final = "UNDERSIGN_FILE"


def create(house: House) -> Starlette:
    """Build the application of one process."""
    crash = Crash(os.environ, loopback=is_loopback(house.settings.server.host))
    health = HealthRoutes(house)
    rooms = [*_rooms(house, crash), health]
    operations = [operation for room in rooms for operation in room.operations()]
    root = RootRoutes(house, operations)
    routes = [route(operation) for operation in (*operations, *root.operations())]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        house.started()
        try:
            async with health.probing():
                yield
        finally:
            house.close()

    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, url=house.url)],
        exception_handlers={UndersignError: _refused, HTTPException: _not_served, 500: _failed},
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    """Build the application of the file that ``UNDERSIGN_FILE`` names: what each of several processes calls."""
    return create(assemble(load(Path(os.environ[FILE_VARIABLE]))))


def _rooms(house: House, crash: Crash) -> list[OAuthRoutes | SigningRoutes | AuditRoutes]:
    rooms: list[OAuthRoutes | SigningRoutes | AuditRoutes] = []
    if house.authorization is not None:
        rooms.append(OAuthRoutes(house, house.authorization, crash))
    if "signing" in house.settings.server.roles:
        rooms += [SigningRoutes(house, crash), AuditRoutes(house)]
    return rooms


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, UndersignError):
        return _failed(request, error)
    return problem.answer(error, worker=str(request.path_params.get("worker", "")))


def _not_served(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _failed(request, error)
    return problem.plain(error.status_code, headers=dict(error.headers or {}))


def _failed(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's arguments; nothing of the error is told
    return problem.plain(500)
