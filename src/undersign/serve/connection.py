"""One connection, with the limits that uvicorn lacks, and without the requests that two parties may read differently.

uvicorn bounds neither the time nor the size of what is not content: with httptools a caller could send header fields,
trailer fields or pipelined requests for ever, or one octet a minute. How long the content of a request may take is for
the application to say; what is left of one that was answered before it was whole is waited for as long as for a head.

What is counted is what arrives between two pieces of content: a head, the frame of a chunk, a trailer section. Each may
be as large as a head; what begins in the middle of a segment is counted from the next on, so up to twice that. Fields
and pipelined requests, which cost much more memory than octets, are counted by number as well.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any, ClassVar, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["Connection"]

_METHODS: Final = frozenset({b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE"})
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_TARGET: Final = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)  # absolute-form, RFC 9112 section 3.2.2
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")  # RFC 3986 section 3.2
_LONGEST: Final = 65_535  # octets of a target, by httptools, where a head may have more than that
_NOTHING, _HEAD, _CONTENT = object(), object(), object()  # what the next octet belongs to
_TOLD: Final = 64  # connections beyond the limit that are still told so: 503 needs an open socket


class _Refused(Exception):  # noqa: N818 - an event, not a failure
    """Raised where the parser called us; httptools then stops, and gives it back as the cause of its own error."""

    def __init__(self, status: HTTPStatus) -> None:
        self.status = status


class _Content:
    """What a parser that was told the framing alone gives on: content, until it is whole and the connection ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def on_body(self, body: bytes) -> None:
        """Give a piece of content on."""
        self._connection.on_body(body)

    def on_message_complete(self) -> None:
        """Give on that it is whole."""
        self._connection.end()


class Connection(HttpToolsProtocol):
    """uvicorn's connection, bounded.

    Attributes:
        head_octets: How large a head, or a trailer section, may be; a token has at most 16 KiB.
        head_seconds: How long a head, or the rest of content that nobody waits for, may take.
        stop_seconds: How long a head that has not come may still take when the server stops.
        stall_seconds: How long a caller may take nothing of an answer.
        max_fields: How many header fields there may be: each costs some hundred octets however short it is.
        max_pipelined: How many requests may wait for the answer to an earlier one.
    """

    head_octets: ClassVar[int] = 64 * 1024
    head_seconds: ClassVar[float] = 10.0
    stop_seconds: ClassVar[float] = 0.5
    stall_seconds: ClassVar[float] = 30.0
    max_fields: ClassVar[int] = 100
    max_pipelined: ClassVar[int] = 32

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._reading = _HEAD
        self._count = 0  # octets since the last piece of content
        self._asked = False
        self._is_last = False
        self._deaf = False  # what else comes is not read: the connection ends with the answers that are owed
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._framing: list[bytes] = []  # fields that frame the content of a request to speak another protocol

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Wait for the first head, unless so many connections are open that files would run out."""
        super().connection_made(transport)
        if self.limit_concurrency is not None and len(self.connections) > self.limit_concurrency + _TOLD:
            transport.abort()
        else:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more. uvicorn keeps its own timer, and so this object, where the caller reset the connection."""
        self._rest()
        self._cancel_stall()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take octets, no more at once than may still come, so that the count is the parser's own."""
        self._unset_keepalive_if_required()
        if self._reading is _NOTHING:  # also a blank line: it must not keep the connection for ever
            self._reading, self._count = _HEAD, 0
        while data and not self._deaf and not self.transport.is_closing():
            piece = data[: self.head_octets - self._count]
            self._count += len(piece)
            data = self._feed(piece) + data[len(piece) :]
            if self._count >= self.head_octets:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if self._deaf:
            self.flow.pause_reading()
        elif self._reading is _HEAD and self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        """A head begins, perhaps in the middle of what arrived."""
        super().on_message_begin()
        if self._reading is not _HEAD:
            self._reading, self._count = _HEAD, 1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header field. A trailer field is none, and nothing of ours wants any (RFC 9110 section 6.5.1)."""
        if self._reading is _HEAD:
            if len(self.headers) >= self.max_fields:
                raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            HttpToolsProtocol.on_header(self, name, value)

    def on_headers_complete(self) -> None:
        """The head is whole: judge it, then let the application have it."""
        self._judge()
        if len(self.pipeline) >= self.max_pipelined:
            raise _Refused(HTTPStatus.SERVICE_UNAVAILABLE)
        super().on_headers_complete()
        self._reading, self._count, self._asked = _CONTENT, 0, True
        self._rest()
        if self._framing or self._is_last:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Content goes on."""
        self._count = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; httptools says so too early of one whose content it took for another protocol."""
        if self._framing:
            return
        self._reading, self._count = _NOTHING, 0
        self._rest()
        super().on_message_complete()

    def end(self) -> None:
        """The last request of this connection is whole."""
        self.on_message_complete()
        self._deaf = True

    def on_response_complete(self) -> None:
        """Wait for the rest of content that was answered before it was whole."""
        super().on_response_complete()
        rest = self._reading is _CONTENT and self.cycle.response_complete
        if rest and not self.transport.is_closing():
            self._wait()

    def shutdown(self) -> None:
        """Stop. A request may be on its way where none has been answered yet, as on a connection just accepted."""
        if self._reading is _HEAD and not self._is_owed():
            self._is_last = True
            self._rest()
            self._timer = self.loop.call_later(self.stop_seconds, self._late)
        else:
            super().shutdown()

    def pause_writing(self) -> None:
        """The caller does not take the answer as fast as it is given: see that some of it is taken at all."""
        super().pause_writing()
        self._cancel_stall()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """The caller has taken it."""
        self._cancel_stall()
        super().resume_writing()

    def _feed(self, piece: bytes) -> bytes:
        """Let the parser read, and give back what it left: a request to speak another protocol is not followed."""
        try:
            self.parser.feed_data(piece)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_on()
            return piece[upgrade.args[0] :]
        except httptools.HttpParserInvalidMethodError:
            self._refuse(HTTPStatus.NOT_IMPLEMENTED)
        except httptools.HttpParserError as error:
            cause = error.__cause__ or error.__context__
            self._refuse(cause.status if isinstance(cause, _Refused) else HTTPStatus.BAD_REQUEST)
        return b""

    def _read_on(self) -> None:
        """Read the content of a request whose wish to upgrade is not followed.

        httptools takes what follows such a head for another protocol, whatever Content-Length says, and the next
        segment for a request: a caller could hide one in its content. So another parser is told the framing alone.
        """
        if self._framing:
            framing, self._framing = b"".join(self._framing), []
            self.parser = httptools.HttpRequestParser(_Content(self))
            self.parser.feed_data(b"POST / HTTP/1.1\r\n" + framing + b"\r\n")

    def _judge(self) -> None:
        """Refuse a head that another party may read as another request."""
        if self.parser.get_method() not in _METHODS:
            raise _Refused(HTTPStatus.NOT_IMPLEMENTED)
        if len(self.url) > _LONGEST:
            raise _Refused(HTTPStatus.REQUEST_URI_TOO_LONG)
        names = [name for name, _ in self.headers]
        if b"transfer-encoding" in names or self.parser.should_upgrade():
            self._check_framing()
        if names.count(b"host") != 1 or b"#" in self.url:
            raise _Refused(HTTPStatus.BAD_REQUEST)  # RFC 9112 section 3.2
        place = names.index(b"host")
        if not _HOST.fullmatch(self.headers[place][1]):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        if not self.url.startswith(b"/"):
            self._take_target(place)

    def _check_framing(self) -> None:
        """Refuse codings that are not understood (RFC 9112 section 6.1); httptools refuses them beside a length."""
        framing = [field for field in self.headers if field[0] in _FRAMING]
        codings = [value.strip().lower() for name, value in framing if name == b"transfer-encoding"]
        if codings not in ([], [b"chunked"]):
            raise _Refused(HTTPStatus.NOT_IMPLEMENTED)
        if codings and self.parser.get_http_version() == "1.0":
            raise _Refused(HTTPStatus.BAD_REQUEST)
        if framing and self.parser.should_upgrade():
            self._framing = [b"%b: %b\r\n" % field for field in framing]

    def _take_target(self, place: int) -> None:
        """Put the authority of a target in absolute-form in the place of the Host field (RFC 9112 section 3.2.2)."""
        target = _TARGET.fullmatch(self.url)
        if target is None or not _HOST.fullmatch(target[1]):
            raise _Refused(HTTPStatus.BAD_REQUEST)
        self.headers[place] = (b"host", target[1])
        self.url = target[2] if target[2].startswith(b"/") else b"/" + target[2]

    def _refuse(self, status: HTTPStatus) -> None:
        """End the connection, with this answer where the caller can know what it is the answer to."""
        if self.transport.is_closing():
            return
        is_owed = self._is_owed()
        if self._reading is _CONTENT:
            if is_owed and not self.cycle.response_started and not self.pipeline:
                self._answer(status)
            self.transport.close()
        elif is_owed:
            self._deaf = True
            self.cycle.keep_alive = False
        else:
            self._answer(status)
            self.transport.close()

    def _is_owed(self) -> bool:
        """Tell whether a request was asked that is not answered."""
        return self._asked and not self.cycle.response_complete

    def _answer(self, status: HTTPStatus) -> None:
        fields = b"".join(b"%b: %b\r\n" % each for each in self.server_state.default_headers)
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode("ascii")
        self.transport.write(line + fields + b"content-length: 0\r\nconnection: close\r\n\r\n")

    def _wait(self) -> None:
        self._rest()
        self._timer = self.loop.call_later(self.head_seconds, self._late)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._reading is _HEAD and self._count == 0:
            self.transport.close()  # nothing was asked
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _watch(self, left: int) -> None:
        self._stalled = self.loop.call_later(self.stall_seconds, self._check_stall, left)

    def _check_stall(self, left: int) -> None:
        size = self.transport.get_write_buffer_size()
        if size >= left:  # also where the connection is closing and only waits for its buffer to be taken
            self.transport.abort()
        else:
            self._watch(size)

    def _cancel_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
