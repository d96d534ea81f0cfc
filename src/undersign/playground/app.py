"""The application: the tutorial's endpoints at the root, its pages, and what they look like."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..encoding import dump_json
from ..errors import RequestError, RequestTooLargeError, UndersignError
from ..serve.content import Bounded
from .endpoints import ENDPOINTS, Asked, Endpoint
from .form import PATH, FormPage
from .guard import Guard, check_same_site
from .pages import Pages, wants_page
from .refusal import members, status_of
from .sandbox import Opened, Sandboxes
from .site import Site
from .usage import usage

__all__ = ["create"]

_BODY: Final = 64 * 1024
_CONTENT: Final = 1024 * 1024  # of a form with files, which nobody reads to its end
_SECONDS: Final = 10.0
_AGE: Final = 3600


def create(site: Site, *, clock: Callable[[], float] = time.time) -> Starlette:
    """Build the application of one site.

    Args:
        clock: Tells the time by which form tokens are made and judged.
    """
    sandboxes, pages = Sandboxes(shared=site.shared), Pages(site)
    form = Route(PATH, FormPage(site, pages, clock=clock), methods=["GET", "POST"])
    routes = [Route(each.path, _serving(each, site, sandboxes), methods=each.methods) for each in ENDPOINTS]
    return Starlette(
        routes=[Route("/", _root(site, sandboxes, pages)), form, *pages.routes(), *routes],
        middleware=[Middleware(Guard, site=site), Middleware(Bounded, octets=_CONTENT, seconds=_SECONDS)],
        exception_handlers={HTTPException: _not_served},
    )


def _root(site: Site, sandboxes: Sandboxes, pages: Pages) -> Callable[[Request], Any]:
    async def root(request: Request) -> Response:
        if not wants_page(request):
            return PlainTextResponse(usage(_asked_address(request, site)), headers={"Vary": "Accept"})
        return _keep(pages.home(), site, _open(request, site, sandboxes))

    return root


def _serving(endpoint: Endpoint, site: Site, sandboxes: Sandboxes) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        opened = None
        try:
            if endpoint.changes or request.method == "POST":
                check_same_site(request, site)  # before a cookie could be given, in place of the person's own
            opened = _open(request, site, sandboxes)
            found: Mapping[str, Any] = endpoint.answer(opened.sandbox, await _asked(request))
            status = 200
        except UndersignError as error:
            found, status = members(error), status_of(error)
        answer = Response(dump_json(_sorted(found)), status, media_type="application/json;charset=UTF-8")
        return answer if opened is None else _keep(answer, site, opened)

    return serve


def _keep(answer: Response, site: Site, opened: Opened) -> Response:
    """Have the browser keep the name of a new sandbox."""
    if opened.name:
        answer.set_cookie(
            site.cookie, opened.name, max_age=_AGE, path="/", secure=site.is_secure, httponly=True, samesite="lax"
        )
    return answer


def _open(request: Request, site: Site, sandboxes: Sandboxes) -> Opened:
    return sandboxes.open(request.cookies.get(site.cookie), browser=wants_page(request))


async def _asked(request: Request) -> Asked:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Asked(tuple(request.query_params.multi_items()), media_type, await _read(request))


async def _read(request: Request) -> bytes:
    read = bytearray()
    try:
        async for part in request.stream():
            read += part
            if len(read) > _BODY:
                raise RequestTooLargeError(f"The body is longer than {_BODY} octets.")
    except ClientDisconnect:
        raise RequestError("The caller went away.") from None
    return bytes(read)


def _asked_address(request: Request, site: Site) -> str:
    return f"{site.url.partition('://')[0]}://{request.headers['host'].lower()}"  # the guard let it pass


def _sorted(value: Any) -> Any:
    """Sort members by name at every depth, as the tutorial's answers are printed."""
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_sorted(each) for each in value]
    return value


def _not_served(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's arguments
    status = error.status_code if isinstance(error, HTTPException) else 500
    found = {
        "exceptionType": "undersign.errors.RequestError",
        "message": {404: "There is no such address.", 405: "Not with this method."}.get(
            status, "The request was refused."
        ),
        "status": "ERROR",
    }
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return Response(dump_json(found), status, headers, "application/json;charset=UTF-8")
