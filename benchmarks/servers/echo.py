"""What HTTP alone costs on the same server: a framework that gives back what it was sent; ``python echo.py PORT``."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """Give back the body."""
    return Response(await request.body())


if __name__ == "__main__":
    routes = [Route("/", echo, methods=["POST", "GET"])]
    uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), log_level="error", access_log=False)
