"""A token request, parsed strictly from its octets: a form, each parameter once (RFC 6749 sections 3.2 and 4.4.2).

What is refused here is refused before anybody is authenticated, so nothing of it is stored.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from undersign.errors import InvalidRequestError, MediaTypeError, RequestTooLargeError, quoted

__all__ = ["MAX_BODY", "RawRequest", "TokenRequest", "parse"]

MAX_BODY: Final = 64 * 1024
_MAX_PARAMETERS: Final = 32
_MAX_NAME: Final = 64
_FORM: Final = "application/x-www-form-urlencoded"
_REPEATABLE: Final = frozenset({"resource"})  # RFC 8707 section 2; more than one is then refused as a target
_TARGETS: Final = frozenset({"resource", "audience"})


class RawRequest(NamedTuple):
    """What arrived at the endpoint.

    Attributes:
        endpoint: The address that was called, as configuration spells it; never made from the Host header.
        request_id: The name of this request in the log and in its answer.
        address: The caller's address.
    """

    content_type: str
    query: str
    authorization: str | None
    endpoint: str
    request_id: str
    body: bytes
    address: str = ""

    def __repr__(self) -> str:
        return f"<RawRequest {self.request_id}>"  # what it holds are secrets


class TokenRequest(NamedTuple):
    """The parameters of a token request, each as it was sent; an absent one is None."""

    grant_type: str
    scope: str | None
    resources: tuple[str, ...]
    client_id: str | None
    endpoint: str
    request_id: str
    client_assertion: str | None
    client_assertion_type: str | None
    client_secret: str | None
    authorization: str | None

    def __repr__(self) -> str:
        return f"<TokenRequest {self.request_id} for {self.grant_type!r}>"  # what else it holds are secrets


def parse(raw: RawRequest) -> TokenRequest:
    """Read the form.

    Raises:
        MediaTypeError: The body is not a form.
        RequestTooLargeError: The body is longer than ``MAX_BODY``.
        InvalidRequestError: A parameter is repeated, empty where it must not be, in the query, or not UTF-8.
    """
    # 0. POST is the route's; a form, and only a form, of at most 64 KiB, with each parameter at most once.
    if raw.query:
        raise InvalidRequestError("Parameters belong in the body, not in the query.")
    if not _is_form(raw.content_type):
        raise MediaTypeError(f"The media type must be {_FORM}.", help="Send the parameters as a form.")
    if len(raw.body) > MAX_BODY:
        raise RequestTooLargeError(
            f"The body is longer than {MAX_BODY} octets.", help="A token request is a short form."
        )
    values, resources = _once(_pairs(raw.body))
    return TokenRequest(
        grant_type=values.get("grant_type", ""),
        scope=values.get("scope"),
        resources=resources,
        client_id=values.get("client_id"),
        endpoint=raw.endpoint,
        request_id=raw.request_id,
        client_assertion=values.get("client_assertion"),
        client_assertion_type=values.get("client_assertion_type"),
        client_secret=values.get("client_secret"),
        authorization=raw.authorization,
    )


def _is_form(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    charset = parameters.strip().lower().replace('"', "")
    return kind.strip().lower() == _FORM and charset in {"", "charset=utf-8"}


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Take a form apart (WHATWG URL section 5.1), strictly: each pair has an equals sign, all is UTF-8."""
    try:
        pairs = body.decode("ascii").split("&") if body else []
        if len(pairs) > _MAX_PARAMETERS:
            raise ValueError("more parameters than a token request has")  # noqa: TRY301 - told below, with the others
        return [(_plain(name), _plain(value)) for name, value in (pair.split("=", 1) for pair in pairs)]
    except ValueError:
        raise InvalidRequestError("The body is not a form of at most 32 parameters in UTF-8.") from None


def _plain(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    return unquote_to_bytes(text.replace("+", " ")).decode("utf-8")


def _once(pairs: list[tuple[str, str]]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Each parameter's one value; and the targets, which alone may be several (RFC 8707 section 2).

    A target is asked for by ``resource``, or by ``audience``, RFC 8693's word that many clients send.
    """
    values: dict[str, str] = {}
    seen: set[str] = set()
    resources: list[str] = []
    for name, value in pairs:
        if len(name) > _MAX_NAME or "\0" in name or "\0" in value:
            raise InvalidRequestError("A parameter's name is too long, or holds a NUL.")
        if name in seen and name not in _REPEATABLE:
            raise InvalidRequestError(f"The parameter {quoted(name)} stands there more than once.")
        seen.add(name)
        if value:  # RFC 6749 section 3.2: a parameter without a value is treated as if it were left out
            values[name] = value
            if name in _TARGETS:
                resources.append(value)
    return values, tuple(resources)
