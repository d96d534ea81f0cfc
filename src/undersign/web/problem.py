"""Errors as HTTP answers: problem documents, with one stable type for each error code (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..encoding import dump_json
from ..errors import (
    AccessError,
    ConflictError,
    DigestMismatchError,
    FetchError,
    LinesClosedError,
    MediaTypeError,
    OAuthError,
    ReplayedError,
    ReplayStoreError,
    RequestError,
    RequestTimeoutError,
    RequestTooLargeError,
    RuleDeniedError,
    StorageError,
    UnauthenticatedError,
    UndersignError,
    UnknownWorkerError,
    UnusableKeyError,
)
from .exchange import Field, Reply

__all__ = ["MEDIA_TYPE", "TYPE_PREFIX", "Problem", "answer", "plain", "status_of"]

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:undersign:problem:"

# The first class that fits decides, so a class stands before the one it derives from.
_STATUS: Final[tuple[tuple[type[UndersignError], int], ...]] = (
    (RequestTooLargeError, 413),
    (RequestTimeoutError, 408),
    (MediaTypeError, 415),
    (ConflictError, 409),
    (LinesClosedError, 410),
    # RFC 9530 leaves the status open. No state of ours is in conflict (409), and the message is well formed (400): what
    # it says of its own content is not so, which RFC 9110 section 15.5.21 calls unprocessable.
    (DigestMismatchError, 422),
    (RequestError, 400),
    (UnknownWorkerError, 404),
    (UnauthenticatedError, 401),
    (AccessError, 403),
    (ReplayedError, 409),
    (StorageError, 503),
    (ReplayStoreError, 503),
    (FetchError, 503),
    (UnusableKeyError, 503),
    (OAuthError, 400),
)
_TITLES: Final = {
    400: "The request cannot be understood",
    401: "A token is needed",
    403: "Not allowed",
    404: "Not here",
    405: "Not with this method",
    408: "Too slow",
    409: "In conflict with an earlier request",
    410: "No longer here",
    413: "Too large",
    415: "Not this media type",
    421: "Another server is meant",
    422: "The content is not what the request says it is",
    500: "An error of ours",
    503: "Not now",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document, member by member; ``rules`` and ``worker`` are there when a rule refused.

    Attributes:
        type: Stable for each kind of problem.
        request_id: The name of the request in the log; empty where nothing was logged by name.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    request_id: str = ""
    worker: str = ""
    rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def members(self) -> dict[str, Any]:
        """The JSON object."""
        found: dict[str, Any] = {"type": self.type, "title": self.title, "status": self.status}
        found |= {n: v for n in ("detail", "request_id", "worker") if (v := getattr(self, n))}
        if self.rules:
            found["rules"] = [{"name": n, "result": "fail", "failed": list(leaves)} for n, leaves in self.rules]
        return found


def status_of(error: UndersignError) -> int:
    """The HTTP status for an error; 500 for one that no caller should be able to cause."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def answer(error: UndersignError, *, request_id: str = "", worker: str = "") -> Reply:
    """Turn an error into its answer. Messages never hold secrets; text from outside is escaped in them already."""
    status = status_of(error)
    detail = f"{error.message} {error.help}".strip() if status < 500 or status == 503 else ""  # noqa: PLR2004
    rules = error.failed if isinstance(error, RuleDeniedError) else ()
    kind = TYPE_PREFIX + (error.code if status != 500 else "internal").replace("_", "-")  # noqa: PLR2004
    made = Problem(kind, _TITLES[status], status, detail, request_id, worker if rules else "", rules)
    return Reply(status, dump_json(made.members()), MEDIA_TYPE.encode(), _headers(error, status))


def plain(status: int, detail: str = "", headers: tuple[Field, ...] = ()) -> Reply:
    """An answer for what is wrong with HTTP itself: no such address, no such method, another host."""
    title = _TITLES.get(status, "The request was refused")
    kind = TYPE_PREFIX + title.lower().replace(" ", "-")
    return Reply(status, dump_json(Problem(kind, title, status, detail).members()), MEDIA_TYPE.encode(), headers)


def _headers(error: UndersignError, status: int) -> tuple[Field, ...]:
    fields = [(b"cache-control", b"no-store")]
    if status == 401:  # noqa: PLR2004 - RFC 6750 section 3: without a token, no error code
        sent = error.__cause__ is not None
        fields.append((b"www-authenticate", b'Bearer error="invalid_token"' if sent else b"Bearer"))
    elif status == 403:  # noqa: PLR2004
        fields.append((b"www-authenticate", b'Bearer error="insufficient_scope"'))
    elif status == 408:  # noqa: PLR2004 - RFC 9110 section 15.5.9: what is left of the body is not waited for
        fields.append((b"connection", b"close"))
    elif status == 503:  # noqa: PLR2004
        fields.append((b"retry-after", b"1"))
    return tuple(fields)
