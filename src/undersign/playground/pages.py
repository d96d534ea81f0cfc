"""The pages, their style sheet and their one script; everything comes from this package."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __version__
from .site import Site
from .usage import COMMANDS

__all__ = ["Pages", "wants_page"]

_PAGES: Final = Environment(
    loader=PackageLoader("undersign.playground", "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.globals["version"] = __version__
_FILES: Final = {"style.css": "text/css; charset=utf-8", "playground.js": "text/javascript; charset=utf-8"}


def wants_page(request: Request) -> bool:
    """Whether a browser asks for something to show; curl, httpie and scripts do not name HTML."""
    return "text/html" in request.headers.get("accept", "")


class Pages:
    """The pages of one site."""

    def __init__(self, site: Site) -> None:
        self._home = _PAGES.get_template("home.html").render(commands=COMMANDS, url=site.url, shared=site.shared)

    def home(self) -> Response:
        """What is here."""
        return _page(self._home)

    def form(self, *, state: str, token: str, claims: str) -> Response:
        """The form with its token."""
        return _page(self.form_text(state=state, token=token, claims=claims))

    def form_text(self, *, state: str, token: str, claims: str) -> str:
        """The same page as text; ``state`` says what became of the last token: fresh, sent, expired or used."""
        return _PAGES.get_template("form.html").render(state=state, token=token, claims=claims)

    def routes(self) -> list[Route]:
        """The files that the pages need."""
        return [Route(f"/{name}", _file(name, media_type)) for name, media_type in _FILES.items()]


def _page(text: str) -> Response:
    return Response(text, 200, {"Vary": "Accept, Cookie"}, "text/html; charset=utf-8")


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    octets = files("undersign.playground").joinpath("static", name).read_bytes()

    async def serve(_: Request) -> Response:
        return Response(octets, 200, {"Cache-Control": "no-cache"}, media_type)

    return serve
