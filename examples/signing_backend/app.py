"""The backend's own addresses: a person brings a document, and takes a signed one and a receipt away."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import Any, NamedTuple

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from undersign.encoding import parse_object
from undersign.errors import RequestError, UndersignError
from undersign.limits import Limits
from undersign.serve.content import Bounded

from .authorization import AuthorizationServer, RefusedError
from .door import Door
from .signing import Signed, SigningServer
from .wire import Journal, UnreachableError

__all__ = ["create"]

_MAX_DOCUMENT = 16 * 1024 * 1024
_MAX_CHECKED = 3 * _MAX_DOCUMENT  # in hexadecimal, with its signature and receipt
_LIMITS = Limits(token=_MAX_CHECKED)
_SECONDS = 30
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem; font: 1rem/1.55 system-ui, sans-serif; }
dt { margin-top: 1.25rem; font-weight: 600; }
dd { margin: 0; }
pre { padding: .75rem 1rem; border: 1px solid light-dark(#d9dce2, #343943); border-radius: .4rem; }
pre { overflow-x: auto; font-size: .92em; }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>A signing backend</title><style>{style}</style></head><body>
<h1>A signing backend</h1>
<p>An application that uses undersign as any customer would: it gets tokens from an authorization server, has documents
signed by a signing server, and verifies what comes back by itself.</p>
<pre tabindex="0"><code>curl {url}documents --data-binary @contract.pdf</code></pre>
<dl>
<dt><code>POST /documents</code></dt><dd>takes a document, and gives it back signed, with a receipt.</dd>
<dt><code>POST /documents/check</code></dt><dd>takes a document with its signature and its receipt, and says whether
they belong together; nobody else is asked. The body is a JSON object: the answer of <code>POST /documents</code>
(<code>result</code>, <code>receipt</code>, <code>detached</code>), and in <code>document</code> the document's octets
in hexadecimal.</dd>
<dt><a href="/log"><code>GET /log</code></a></dt><dd>fetches the signing server's log and says whether it is whole, and
holds every receipt that was given out here.</dd>
</dl></body></html>"""
_EXPECTED = (
    "The body is a JSON object: what POST /documents answered ('result', 'receipt' and 'detached'), "
    "and the document's octets in hexadecimal as 'document'."
)
_POLICY = f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"


class Checked(NamedTuple):
    """What a person wants checked."""

    document: bytes
    result: str
    receipt: str
    detached: bool


class Backend:
    """The application's handlers; each call outwards blocks, so it runs in a thread."""

    def __init__(self, authorization: AuthorizationServer, signing: SigningServer, journal: Journal) -> None:
        self._authorization = authorization
        self._signing = signing
        self._journal = journal

    async def sign(self, request: Request) -> Response:
        """Steps 2 to 11 of the main job."""
        document = bytearray()
        async for part in request.stream():
            document += part
            if len(document) > _MAX_DOCUMENT:  # asked while it comes, or memory is full before it is
                break
        if not document or len(document) > _MAX_DOCUMENT:
            return JSONResponse({"error": "a document of 1 octet to 16 MiB"}, 413)
        media_type = request.headers.get("content-type", "application/octet-stream")
        signed = await run_in_threadpool(self._sign, bytes(document), media_type)
        return JSONResponse({"result": signed.result, "receipt": signed.receipt, "detached": signed.detached})

    async def check(self, request: Request) -> Response:
        """Whether a document, its signature and its receipt belong together; nobody else is asked."""
        asked = _checked(await request.body())
        signed = await run_in_threadpool(
            self._signing.verify, asked.document, asked.result, asked.receipt, detached=asked.detached
        )
        return JSONResponse({"verified": True, "line": signed.log["seq"]})

    async def log(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's argument
        """Whether the signing server's log holds together, and up to where."""
        report = await run_in_threadpool(lambda: self._signing.audit(self._authorization.token("audit")))
        return JSONResponse(
            {
                "lines": report.lines,
                "witnessed": report.witnessed,
                "receipts": report.receipts,
                "cannot_exclude": list(report.cannot_exclude),
            }
        )

    async def root(self, request: Request) -> Response:
        """What is here."""
        page = _PAGE.format(style=_STYLE, url=escape(str(request.base_url)))
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY})

    def _sign(self, document: bytes, media_type: str) -> Signed:
        return self._signing.sign(document, media_type, self._authorization.token("sign"))


def _checked(body: bytes) -> Checked:
    try:
        found = parse_object(body, _LIMITS)
        result, receipt, detached = found["result"], found["receipt"], found["detached"]
        document = bytes.fromhex(found["document"])
    except (UndersignError, KeyError, TypeError, ValueError):
        raise RequestError(_EXPECTED) from None
    if not (isinstance(result, str) and isinstance(receipt, str) and isinstance(detached, bool)):
        raise RequestError(_EXPECTED)
    return Checked(document, result, receipt, detached)


def create(authorization: AuthorizationServer, signing: SigningServer, journal: Journal, *, port: int) -> Starlette:
    """Build the application that this port of this machine serves."""
    backend = Backend(authorization, signing, journal)
    routes = [
        Route("/", backend.root),
        Route("/documents", backend.sign, methods=["POST"]),
        Route("/documents/check", backend.check, methods=["POST"]),
        Route("/log", backend.log),
    ]
    handlers: Any = {
        RefusedError: _refused,
        UnreachableError: _unreachable,
        RequestError: _unclear,
        UndersignError: _unverified,
    }
    # In this order: a stranger's content is not even read.
    around = [Middleware(Door, port=port), Middleware(Bounded, octets=_MAX_CHECKED, seconds=_SECONDS)]
    return Starlette(routes=routes, exception_handlers=handlers, middleware=around)


async def _refused(request: Request, error: RefusedError) -> Response:  # noqa: ARG001 - Starlette's arguments
    return Response(error.answer.body, 502, media_type=error.answer.headers.get("content-type"))


async def _unreachable(request: Request, error: UnreachableError) -> Response:  # noqa: ARG001
    return JSONResponse({"error": str(error)}, 504)


async def _unclear(request: Request, error: RequestError) -> Response:  # noqa: ARG001
    return JSONResponse({"error": error.code, "detail": error.message}, 400)


async def _unverified(request: Request, error: UndersignError) -> Response:  # noqa: ARG001
    return JSONResponse({"error": error.code, "detail": error.message}, 422)
