"""The one place where a server is built, with every limit; and where its sockets are bound."""

from __future__ import annotations

import gc
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, Final

import uvicorn

from ..errors import SettingsError
from .connection import Connection

__all__ = ["GRACE", "Server", "bind", "build", "run"]

GRACE: Final = 10  # seconds that running requests have when the server is told to stop
_BACKLOG: Final = 2048
_SWITCH: Final = 0.001  # seconds
_CONNECTIONS: Final = 900  # then 503; a process may open 1024 files on most systems
_IDLE: Final = 75  # seconds; longer than the 60 of most proxies, so that none uses a connection that we just closed
_PORTS: Final = 65535
_LOOPBACKS: Final = ("127.0.0.1", "::1")


class Server(uvicorn.Server):
    """uvicorn's server, which says when it serves and when it no longer does."""

    def __init__(self, config: uvicorn.Config, *, ready: Callable[[], None], ended: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._ended = ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        if self.started and not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and say so."""
        try:
            await super().shutdown(sockets=sockets)
        finally:
            self._ended()


def build(
    app: Callable[..., Any],
    *,
    connection: type[Connection] = Connection,
    ready: Callable[[], None] = lambda: None,
    ended: Callable[[], None] = lambda: None,
    connections: int = _CONNECTIONS,
) -> Server:
    """Build a server for an ASGI application.

    Args:
        connection: A class with other limits than the usual ones.
        ready: Called when it serves.
        ended: Called when it has stopped, whatever it was that stopped it.
        connections: How many may be open at once; what is asked beyond gets 503.
    """
    config = uvicorn.Config(
        app,
        interface="asgi3",  # guessed otherwise, and wrongly for a partial function
        http=connection,
        ws="none",
        access_log=False,  # its lines hold the query, and with it tokens
        log_level="error",  # below stand lines that any stranger can have written, one for each request
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        limit_concurrency=connections,
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=GRACE,
    )
    return Server(config, ready=ready, ended=ended)


def run(server: Server, sockets: Sequence[socket.socket]) -> None:
    """Serve until SIGTERM or SIGINT, then answer what is running and return; in the main thread.

    Raises:
        SettingsError: The application did not start.
        KeyboardInterrupt: It was SIGINT.
    """
    # The loop's thread is always busy under load: who commits for all must not wait 5 ms for each of its steps.
    sys.setswitchinterval(_SWITCH)
    gc.collect()
    gc.freeze()  # what was built by now stays until the end: nothing of it is looked through again and again

    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn listens only while it serves. A signal that comes before must count too; and it raises each again when it
    # is done, which by default would kill this process before it has tidied up.
    kept = signal.signal(signal.SIGTERM, end)
    try:
        server.run(sockets=list(sockets))
    except SystemExit:
        raise SettingsError("The application did not start; what it said stands above.") from None
    finally:
        signal.signal(signal.SIGTERM, kept)


def bind(host: str, port: int, *, both: bool = False) -> list[socket.socket]:
    """Bind a port.

    Args:
        both: Bind the other loopback too, for what is called localhost: a browser may try either.

    Raises:
        SettingsError: The port cannot be bound.
    """
    if not 0 <= port <= _PORTS:
        raise SettingsError(f"{port} is no port: a port is a number from 0 to {_PORTS}.", help="Say --port 8080.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        bound = [socket.create_server((host, port), family=family, backlog=_BACKLOG)]
    except OSError as error:
        raise SettingsError(
            f"Port {port} of {host} cannot be bound: {error.strerror}.", help="Choose another one: --port 8081"
        ) from None
    if both and host == _LOOPBACKS[0]:
        port = bound[0].getsockname()[1]
        with suppress(OSError):  # this machine has no IPv6
            bound.append(socket.create_server((_LOOPBACKS[1], port), family=socket.AF_INET6, backlog=_BACKLOG))
    return bound
