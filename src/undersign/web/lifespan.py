"""What lives as long as the application does, by ASGI's lifespan protocol."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack

from .exchange import Receive, Scope, Send

__all__ = ["Lifespan"]


class Lifespan:
    """Opens one context when the server starts, and closes it when the server stops."""

    def __init__(self, living: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        self._living = living

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow the protocol; what fails is told to the server, which ends with it."""
        if scope["type"] != "lifespan":
            return  # nothing else is spoken here: a WebSocket is refused by the server
        await receive()
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self._living())
            except BaseException:
                await send({"type": "lifespan.startup.failed", "message": "The server could not start."})
                raise
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
