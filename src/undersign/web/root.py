"""What is here: the page at /, the one style sheet it needs, and the OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from .. import __version__
from ..assemble import House
from ..encoding import dump_json
from .exchange import Field, Reply, Request
from .openapi import describe
from .operation import Answer, Operation

__all__ = ["RootRoutes"]


@dataclass(frozen=True, slots=True)
class Role:
    """What a role is called, what it does, and how to ask it from a shell."""

    name: str
    text: str
    example: str


_PAGES: Final = Environment(
    loader=PackageLoader("undersign.web", "templates"), autoescape=True, undefined=StrictUndefined
)
_CACHE: Final[tuple[Field, ...]] = ((b"cache-control", b"public, max-age=300"),)
_ASK_AGAIN: Final[tuple[Field, ...]] = ((b"cache-control", b"no-cache"),)
_NEEDS: Final = {
    "token": "a client's assertion",
    "audit": "an auditor's token",
    "audit_head": "an auditor's token",
}
_ROLES: Final = {
    "authorization": Role(
        "Authorization server",
        "Clients prove themselves with an assertion that they sign, and get short-lived tokens.",
        "curl {url}/token -d grant_type=client_credentials -d scope=sign \\\n"
        "  -d client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer \\\n"
        "  -d client_assertion=$ASSERTION",
    ),
    "signing": Role(
        "Signing server",
        "Workers sign what a token allows, and every signature comes with a receipt.",
        "curl {url}/v1/workers/$WORKER/sign --data-binary @contract.pdf \\\n"
        '  -H "Authorization: Bearer $TOKEN" -H "Accept: application/json"',
    ),
}


class RootRoutes:
    """/, /style.css and /openapi.json."""

    def __init__(self, house: House, others: Sequence[Operation]) -> None:
        self._house = house
        self._operations = (*others, *self.operations())
        self._document = dump_json(self._openapi())
        self._style = files("undersign.web").joinpath("static/style.css").read_bytes()
        roles = [_ROLES[role] for role in house.settings.server.roles if role in _ROLES]
        self._page = (
            _PAGES.get_template("root.html")
            .render(
                roles=roles,
                rows=[(each, _NEEDS.get(each.name, "a token" if each.secured else "")) for each in self._operations],
                oauth=house.authorization is not None,
                url=house.url,
                version=__version__,
                demo=house.settings.server.demo,
            )
            .encode()
        )

    def operations(self) -> tuple[Operation, ...]:
        """What is served."""
        page, sheet = Answer(200, "a page", "text/html"), Answer(200, "a style sheet", "text/css")
        document = Answer(200, "this document", "application/json")
        return (
            Operation("root", "GET", "/", "This page", self.root, (page,)),
            Operation("style", "GET", "/style.css", "How it looks", self.style, (sheet,)),
            Operation("openapi", "GET", "/openapi.json", "All of this, as OpenAPI", self.openapi, (document,)),
        )

    async def root(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """The page."""
        return Reply(200, self._page, b"text/html; charset=utf-8", _ASK_AGAIN)

    async def style(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """The style sheet."""
        return Reply(200, self._style, b"text/css; charset=utf-8", _CACHE)

    async def openapi(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """The OpenAPI document."""
        return Reply(200, self._document, b"application/json", _CACHE)

    def _openapi(self) -> dict[str, Any]:
        return describe(self._operations, title="undersign", url=self._house.url)
