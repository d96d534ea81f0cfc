"""Reading one field of a form before the application does, and giving the body on untouched (RFC 7578, WHATWG URL)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from ..errors import MediaTypeError, RequestError, RequestTooLargeError
from .messages import Message, Receive, Scope, fields

__all__ = ["Disconnected", "Form", "read"]

_MAX_FIELDS: Final = 1000
_BOUNDARY: Final = re.compile(r'boundary=("?)([A-Za-z0-9\'()+_,./:=?-]{1,70})\1[ \t]*(?:;|\Z)', re.IGNORECASE)
_FIELD: Final = re.compile(rb'content-disposition:[ \t]*form-data;[ \t]*name="([^"\r\n]*)"[ \t]*', re.IGNORECASE)
_STEP: Final = 1.25


class Disconnected(Exception):  # noqa: N818 - an event, not a failure
    """The caller went away while the body was read."""


@dataclass(frozen=True, slots=True)
class Form:
    """What was read.

    Attributes:
        values: The values of the field that was looked for.
        fields: All fields, in order, of a form without files; None for one with files, which is not read to its end.
        receive: Gives the application the whole body, what was read first.
    """

    values: tuple[str, ...]
    fields: tuple[tuple[str, str], ...] | None
    receive: Receive


async def read(scope: Scope, receive: Receive, *, name: str, limit: int) -> Form:
    """Read a form until the field is known; of one with files, no more than up to that field.

    Raises:
        MediaTypeError: The body is no form.
        RequestTooLargeError: The form, or what stands before the field, is longer than the limit.
        RequestError: The body is not the form that it says it is.
        Disconnected: The caller went away.
    """
    media_type = _media_type(scope)
    essence = media_type.partition(";")[0].strip(" \t").lower()
    if essence == "application/x-www-form-urlencoded":
        body = _Body(receive, limit)
        while await body.more():
            body.check_length()
        body.check_length()
        found = _urlencoded(bytes(body.octets))
        return Form(tuple(value for field, value in found if field == name), found, body.replay)
    boundary = _BOUNDARY.search(media_type) if essence == "multipart/form-data" else None
    if boundary is None:
        raise MediaTypeError("The body is no form, so its token belongs into the header.")
    body = _Body(receive, limit)
    value = await _first_part(body, boundary[2].encode("ascii"), name.encode("utf-8"))
    return Form(() if value is None else (value,), None, body.replay)


class _Body:
    """The octets read so far, and the way to give them on."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self.octets = bytearray()
        self.complete = False
        self._receive = receive
        self.limit = limit
        self._given = False

    async def more(self) -> bool:
        """Read one more piece; tell whether there may be another."""
        message = await self._receive()
        if message["type"] != "http.request":
            raise Disconnected
        self.octets += message.get("body", b"")
        self.complete = not message.get("more_body", False)
        return not self.complete

    def check_length(self) -> None:
        """Refuse to hold more.

        Raises:
            RequestTooLargeError: There is more already.
        """
        if len(self.octets) > self.limit:
            raise RequestTooLargeError(
                f"The form is longer than {self.limit} octets.",
                help="Put the token's field first in a form with files, or the token into the header.",
            )

    async def replay(self) -> Message:
        """The application's receive."""
        if self._given:
            return await self._receive()
        self._given = True
        return {"type": "http.request", "body": bytes(self.octets), "more_body": not self.complete}


def _media_type(scope: Scope) -> str:
    found = fields(scope, "content-type")
    if len(found) != 1:
        raise MediaTypeError("The request has no Content-Type, or several.")
    return found[0]


def _urlencoded(body: bytes) -> tuple[tuple[str, str], ...]:
    try:
        text = body.decode("ascii")
        return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="replace"))
    except ValueError:  # also UnicodeDecodeError: browsers escape all that is not ASCII
        raise RequestError("The form is not one that a browser sends.") from None


async def _first_part(body: _Body, boundary: bytes, name: bytes) -> str | None:
    """Look for the field each time the body has grown by a quarter, so that a body in drops costs no more than one."""
    look_at = 0.0
    while True:
        more = await body.more()
        if more and len(body.octets) < look_at:
            continue
        found = _find(bytes(body.octets[: body.limit]), b"--" + boundary, name)
        if found is not None:
            return found.decode("ascii", "replace")
        body.check_length()
        if not more:
            return None
        look_at = len(body.octets) * _STEP


def _find(octets: bytes, delimiter: bytes, name: bytes) -> bytes | None:
    if not octets.startswith(delimiter[: len(octets)]):
        raise RequestError("The form does not begin with its boundary.")
    start = len(delimiter)
    while octets[start : start + 2] == b"\r\n":
        head = octets.find(b"\r\n\r\n", start)
        end = octets.find(b"\r\n" + delimiter, head + 4) if head >= 0 else -1
        if end < 0:
            return None
        for line in octets[start + 2 : head].split(b"\r\n"):
            match = _FIELD.fullmatch(line)
            if match is not None and match[1] == name:
                return octets[head + 4 : end]
        start = end + 2 + len(delimiter)
    return None
