"""The tutorial's ten endpoints as plain functions: a sandbox and what was asked in, an answer's members out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from ..encoding import parse_object
from ..errors import InvalidJSONError, MediaTypeError, RequestError, quoted
from .sandbox import Sandbox
from .tokens import SHORT, Parsed, Reading, compressed, fixed, general, parse, parse_enforcing, specific

__all__ = ["ENDPOINTS", "Asked", "Endpoint"]

Members = Mapping[str, Any]
_SHAPES: Final = ("jws", "claims")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says.

    Attributes:
        query: The names and values of its query, in their order.
        media_type: Its body's, without parameters.
    """

    query: tuple[tuple[str, str], ...] = ()
    media_type: str = ""
    body: bytes = b""

    def one(self, name: str) -> str | None:
        """The value of a query parameter; None where it is not there.

        Raises:
            RequestError: It is there twice.
        """
        found = [value for given, value in self.query if given == name]
        if len(found) > 1:
            raise RequestError(f"The parameter {quoted(name)} is there twice.")
        return found[0] if found else None

    def members(self) -> Members:
        """The JSON object in the body.

        Raises:
            MediaTypeError: The body is not said to be JSON, as a form of any other site could send it.
            RequestError: It is not a JSON object.
        """
        if self.media_type != "application/json":
            raise MediaTypeError(
                "The body is a JSON object, and Content-Type must say application/json.",
                help="httpie says so by itself; with curl write --json '{...}'.",
            )
        try:
            return parse_object(self.body)
        except InvalidJSONError as error:
            raise RequestError(error.message, help="Send one JSON object with each name once.") from None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address.

    Attributes:
        changes: Whether it changes the sandbox, so that other sites must not be able to ask for it.
    """

    path: str
    answer: Callable[[Sandbox, Asked], Members]
    methods: tuple[str, ...] = ("GET",)
    changes: bool = False


def _built(token: str) -> Members:
    return {"jwt": token, "status": "SUCCESS"}


def _building(build: Callable[[Sandbox, Members], str]) -> Callable[[Sandbox, Asked], Members]:
    return lambda sandbox, asked: _built(build(sandbox, asked.members()))


def _parsing(read: Callable[[Sandbox, str, Reading], Parsed]) -> Callable[[Sandbox, Asked], Members]:
    def answer(sandbox: Sandbox, asked: Asked) -> Members:
        token, shape = asked.one("jwt"), asked.one("shape") or _SHAPES[0]
        if token is None:
            raise RequestError("There is no parameter 'jwt'.", help="Ask for /parser?jwt=<jwt>.")
        if shape not in _SHAPES:
            raise RequestError(f"The shape is {' or '.join(_SHAPES)}, not {quoted(shape)}.")
        parsed = read(sandbox, token, _reading(asked))
        found = {"body": parsed.body, "header": parsed.header, "signature": parsed.signature}
        return {shape: found, "status": "SUCCESS"}

    return answer


def _reading(asked: Asked) -> Reading:
    short, now = _short(asked), asked.one("now")
    if now is None:
        return Reading(short)
    try:
        moment = float(now)
    except ValueError:
        moment = float("nan")
    if not isfinite(moment):
        raise RequestError("The parameter 'now' is a number of seconds since 1970.")
    return Reading(short, lambda: moment)


def _short(asked: Asked) -> bool:
    quirk = asked.one("quirk")
    if quirk not in {None, SHORT}:
        raise RequestError(f"The one quirk that can be named here is {SHORT}, not {quoted(quirk)}.")
    return quirk == SHORT


def _shown(sandbox: Sandbox, _: Asked) -> Members:
    return sandbox.shown()


def _refreshed(sandbox: Sandbox, _: Asked) -> Members:
    sandbox.refresh()
    return sandbox.shown()


def _set(sandbox: Sandbox, asked: Asked) -> Members:
    sandbox.set(asked.members(), short=_short(asked))
    return sandbox.shown()


ENDPOINTS: Final = (
    Endpoint("/static-builder", lambda sandbox, _: _built(fixed(sandbox))),
    Endpoint("/dynamic-builder-general", _building(general), ("POST",)),
    Endpoint("/dynamic-builder-specific", _building(specific), ("POST",)),
    Endpoint("/dynamic-builder-compress", _building(compressed), ("POST",)),
    Endpoint("/parser", _parsing(parse)),
    Endpoint("/parser-enforce", _parsing(parse_enforcing)),
    Endpoint("/get-secrets", _shown),
    Endpoint("/refresh-secrets", _refreshed, ("GET", "POST"), changes=True),
    Endpoint("/set-secrets", _set, ("POST",), changes=True),
)
