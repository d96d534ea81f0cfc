"""One HTTP exchange of the person, or of the thief."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from undersign.encoding import parse_json

__all__ = ["Answer", "UnreachableError", "exchange"]


class UnreachableError(Exception):
    """Nobody answered."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON."""
        return parse_json(self.body)


def exchange(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Send a request and read the answer whole.

    Raises:
        UnreachableError: Nobody answered.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target or "/", body=body or None, headers=dict(headers or {}))
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, HTTPException) as error:
        raise UnreachableError(f"{parts.netloc} does not answer: {type(error).__name__}.") from error
    finally:
        connection.close()
