"""Reading a request within its limits: the body's size and time, the one bearer token (RFC 6750 2.1), an address."""

from __future__ import annotations

import re
from asyncio import timeout
from typing import Final

from starlette.requests import ClientDisconnect, Request

from ..errors import RequestError, RequestTimeoutError, RequestTooLargeError, UnauthenticatedError

__all__ = ["address_of", "bearer", "read"]

_MAX_TOKEN: Final = 16 * 1024
_BEARER: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)", re.ASCII)


async def read(request: Request, limit: int, *, seconds: float) -> bytes:
    """Read the body, and stop as soon as it is longer than the limit, or took longer than these seconds in all.

    Raises:
        RequestTooLargeError: It is longer.
        RequestTimeoutError: It took longer.
        RequestError: The caller went away, or sent a length that is no number.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal():
        raise RequestError("Content-Length is not a number.")
    if len(announced) > 15 or int(announced) > limit:  # noqa: PLR2004
        raise RequestTooLargeError(f"The body is longer than {limit} octets.")
    try:
        async with timeout(seconds):
            return await _whole(request, limit)
    except TimeoutError:
        raise RequestTimeoutError(f"The body did not arrive within {seconds:g} seconds.") from None
    except ClientDisconnect:
        raise RequestError("The caller went away.") from None


async def _whole(request: Request, limit: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise RequestTooLargeError(f"The body is longer than {limit} octets.")
        parts.append(part)
    return b"".join(parts)


def bearer(request: Request) -> str | None:
    """The bearer token of the Authorization header; None where there is no such header.

    Raises:
        UnauthenticatedError: The header is there twice, or holds something else.
    """
    given = request.headers.getlist("authorization")
    if not given:
        return None
    match = _BEARER.fullmatch(given[0])
    if len(given) > 1 or match is None or len(given[0]) > _MAX_TOKEN:
        raise UnauthenticatedError("The Authorization header is not one bearer token.") from RequestError(
            "No bearer token."
        )
    return match[1]


def address_of(request: Request) -> str:
    """The caller's address; headers that claim another one are not read."""
    return request.client.host if request.client else ""
