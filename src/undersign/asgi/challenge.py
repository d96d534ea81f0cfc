"""How a resource server words its refusals (RFC 6750 section 3, RFC 9470 section 3, RFC 9728 section 5.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ..encoding import dump_json
from ..errors import PolicyError
from .messages import Refusal

__all__ = ["Challenge", "Denied", "Scheme"]

_QUOTABLE: Final = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]*")
_STATUS: Final = {"": 401, "invalid_request": 400, "insufficient_scope": 403}
_TITLES: Final = {
    400: "The request cannot be understood",
    401: "Another access token is needed",
    403: "Not allowed",
    503: "Not now",
}


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to present a token, and what each of its challenges says."""

    name: str
    parameters: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        """Refuse a value that a header field cannot carry."""
        for name, value in self.parameters:
            if not _QUOTABLE.fullmatch(value):
                raise PolicyError(f"The value of {name} must be printable ASCII without quotes and backslashes.")


class Denied(Exception):  # noqa: N818 - an answer on its way, never seen outside
    """The request is refused.

    Attributes:
        error: The error code; empty where no token was presented, about which a server says nothing more.
        description: What would help the client's developer; nothing that the token says.
        parameters: Further parameters of the challenge.
        scheme: The way that the token was presented.
        status: The HTTP status, where it is not the one of the error code.
    """

    def __init__(
        self,
        error: str,
        description: str = "",
        *,
        parameters: tuple[tuple[str, str], ...] = (),
        scheme: str = "Bearer",
        status: int = 0,
    ) -> None:
        self.error = error
        self.description = description
        self.parameters = parameters
        self.scheme = scheme
        self.status = status or _STATUS.get(error, 401)
        super().__init__(error)


@dataclass(frozen=True, slots=True)
class Challenge:
    """How this resource server words its refusals."""

    schemes: tuple[Scheme, ...]

    def answer(self, denied: Denied) -> Refusal:
        """Word one refusal: a challenge for each scheme, the error in that of the one used."""
        title = _TITLES[denied.status]
        problem = {"type": _kind(denied), "title": title, "status": denied.status}
        if denied.description:
            problem["detail"] = denied.description
        headers = [("www-authenticate", self._words(scheme, denied)) for scheme in self.schemes]
        if denied.status == 503:  # noqa: PLR2004 - Service Unavailable
            headers = [("retry-after", "1")]
        return Refusal(denied.status, dump_json(problem), "application/problem+json", tuple(headers))

    def _words(self, scheme: Scheme, denied: Denied) -> str:
        parameters = list(scheme.parameters)
        if denied.error and scheme.name == denied.scheme:
            parameters.append(("error", denied.error))
            if denied.description:
                parameters.append(("error_description", denied.description))
            parameters.extend(denied.parameters)
        return f"{scheme.name} " + ", ".join(f'{name}="{value}"' for name, value in parameters)


def _kind(denied: Denied) -> str:
    return "urn:undersign:problem:" + (denied.error or "unauthenticated").replace("_", "-")
