"""One connection, with the patience that uvicorn lacks: the head of a request may take so long and be so large.

uvicorn bounds neither: with httptools a caller could send header fields for ever, or one octet a minute. How long a
body may take is for ``body.read`` to say; what is left of one that was refused is waited for as long as for a head.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Connection"]

HEAD_SECONDS: Final = 10.0
HEAD_OCTETS: Final = 64 * 1024  # of the request line and all fields; a token has at most 16 KiB
_ANSWER: Final = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._head: int | None = 0  # octets of the head so far; None while there is none to be read
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Wait for the first head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take octets, unless the head has had too many."""
        super().data_received(data)
        if self._head is not None and not self.transport.is_closing():
            self._head += len(data)
            if self._head > HEAD_OCTETS:
                self._refuse(b"431 Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if self._head is None:
            self._head = 0
            self._wait()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._head = None
        self._rest()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The body is whole."""
        self._rest()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the rest of a body that was answered before it was whole."""
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body and not self.transport.is_closing():
            self._wait()

    def _wait(self) -> None:
        self._rest()
        self._timer = self.loop.call_later(HEAD_SECONDS, self._refuse, b"408 Request Timeout")

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: bytes) -> None:
        if self.transport.is_closing():
            return
        if self._head:
            self.transport.write(_ANSWER % status)
        self.transport.close()
