"""One HTTP exchange, by the standard library; every exchange is told to the journal."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

from undersign.encoding import parse_json

__all__ = ["Answer", "Journal", "UnreachableError", "exchange", "to_stdout"]

Journal = Callable[[Mapping[str, str]], None]
_MAX_ANSWER = 8 * 1024 * 1024


class UnreachableError(Exception):
    """A server did not answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON."""
        return parse_json(self.body)


def exchange(method: str, url: str, *, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Send a request and read the answer whole."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=10)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body=body or None, headers=dict(headers or {}))
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read(_MAX_ANSWER))
    except (OSError, HTTPException) as error:
        raise UnreachableError(f"{parts.netloc} does not answer: {type(error).__name__}") from error
    finally:
        connection.close()


def to_stdout(event: Mapping[str, str]) -> None:
    """Write one event of the journal as a line of JSON."""
    sys.stdout.write(json.dumps(dict(event)) + "\n")
    sys.stdout.flush()
