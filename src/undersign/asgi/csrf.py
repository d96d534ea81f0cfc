"""CSRF protection for any ASGI application: Fetch Metadata, then Origin, then a token that works once (seed 003).

1. Safe methods pass, and no header can turn one into another: method overrides are taken out of every request.
2. Everything else must come from this origin by its browser's word, and bring a token that is bound to this session,
   this method and path, that has not expired and was not used. Only then does the application see the request.
3. An exempt path authenticates by other means, so it never sees a cookie.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Final, Literal
from urllib.parse import quote

from ..encoding import dump_json
from ..errors import (
    AccessError,
    ExpiredTokenError,
    PolicyError,
    ReplayedError,
    ReplayStoreError,
    RequestError,
    RequestTooLargeError,
    StorageError,
    UndersignError,
)
from ..jwk import Key
from ..jwt.profiles.csrf import Minter, Verifier
from ..replay import ReplayStore
from .form import Disconnected, Form, read
from .messages import (
    Message,
    Origin,
    Receive,
    Refusal,
    Scope,
    Send,
    Wrapped,
    cookies,
    fields,
    is_below,
    is_plain,
    paths,
    with_fields,
)
from .provenance import Provenance, check_provenance, is_browser
from .stale import POLICY, Page, StaleForm, is_secret, stale_page

__all__ = ["CSRFProtection", "Forms", "forms"]

FIELD: Final = "_csrf"
HEADER: Final = "x-csrf-token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})

_KEY: Final = "undersign.csrf"
_OVERRIDES: Final = frozenset({b"x-http-method-override", b"x-http-method", b"x-method-override"})
_SESSION: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_LOG: Final = logging.getLogger(__name__)


class Forms:
    """What a page needs to write its forms: ``forms(scope)`` gives the one of this request."""

    def __init__(self, minter: Minter, origin: Origin, session: str | None, *, own: bool) -> None:
        self._minter = minter
        self._origin = origin
        self._own = own
        self._started = False
        self.session = session
        self.is_new = False
        self.has_minted = False

    def token(self, path: str, method: str = "POST") -> str:
        """Mint a token for one form or one request of this browser.

        Args:
            path: Where it is sent, as in ``"/clients/42/keys"``: the path alone, not escaped.
            method: How it is sent.

        Raises:
            PolicyError: The path is none, the person has no session, or the answer's headers are gone already.
        """
        if not is_plain(path) or "?" in path or "#" in path:
            raise PolicyError("A form's path begins with one slash and has no query.", help='Pass "/path".')
        if self.session is None:
            self._begin()
        self.has_minted = True
        return self._minter.mint(session=self.session or "", action=f"{method} {path}")

    def field(self, path: str, method: str = "POST") -> str:
        """Write the hidden field of a form, as HTML."""
        return f'<input type="hidden" name="{FIELD}" value="{escape(self.token(path, method))}">'

    def renew(self) -> None:
        """Give the browser another session, as at every login, step-up and logout; its open forms end.

        Raises:
            PolicyError: The application has sessions of its own, or the answer's headers are gone already.
        """
        self._begin()

    def _begin(self) -> None:
        if not self._own:
            raise PolicyError("This browser has no session to bind a form to.", help="Begin one first, also anonymous.")
        if self._started:
            raise PolicyError("The answer has begun, so its cookie cannot be set.", help="Mint before you answer.")
        self.session = secrets.token_urlsafe(32)
        self.is_new = True

    def start(self, message: Message) -> Message:
        """Add what the answer's start must say."""
        self._started = True
        if self.is_new:
            cookie = f"{cookie_name(self._origin)}={self.session}{self._origin.cookie_flags}"
            message = with_fields(message, ("set-cookie", cookie))
        if self.has_minted or self.is_new:
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"cache-control"]
            message = with_fields({**message, "headers": kept}, ("cache-control", "no-store"), ("vary", "cookie"))
        return message


def forms(scope: Mapping[str, object]) -> Forms:
    """The forms of this request: ``forms(request.scope).field("/transfer")``.

    Raises:
        PolicyError: The application is not behind CSRFProtection.
    """
    found = scope.get(_KEY)
    if not isinstance(found, Forms):
        raise PolicyError("This application is not behind CSRFProtection.", help="Wrap it: CSRFProtection(app, ...).")
    return found


def cookie_name(origin: Origin) -> str:
    """The name of the session cookie, for applications that have none of their own."""
    return f"{origin.cookie_prefix}undersign-csrf"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A request's token and how it came."""

    token: str
    session: str
    action: str
    provenance: Provenance
    form: Form | None


class CSRFProtection:
    """Middleware around an application whose people have sessions in cookies.

    Args:
        app: The application.
        key: A secret (``jwk.generate("HS256")``) that serves nothing else and outlives a restart.
        origin: The application's public origin, such as ``https://app.example``.
        replay: What remembers used tokens: one store for all processes. There is no default.
        previous: Secrets before this one, while their forms are still open.
        session: Gives the secret of the application's own session, such as its cookie's value, or None. Unless given,
            each browser gets a cookie of this middleware's, which tells browsers apart but not people: after a login
            call ``forms(scope).renew()``.
        exempt: Paths that authenticate without cookies and get none; one that ends in a slash stands for all below it.
        lifetime: How long a form may stay open.
        limit: The longest form, and the most that may stand before the token in a form with files, in octets.
        page: Writes the page for a form that expired or was sent twice, in place of the one here, which comes with a
            Content-Security-Policy that allows it nothing but its form.
        clock: What tells the time.

    Raises:
        PolicyError, KeyMaterialError: What was passed is contradictory or unsafe.
    """

    def __init__(
        self,
        app: Wrapped,
        *,
        key: Key,
        origin: str,
        replay: ReplayStore,
        previous: Iterable[Key] = (),
        session: Callable[[Scope], str | None] | None = None,
        exempt: Collection[str] = (),
        lifetime: str | timedelta | float = "30m",
        limit: int = 1024 * 1024,
        page: Page = stale_page,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._origin = Origin(origin)
        self._replay = replay
        self._session = session
        self._exempt = paths(exempt, "exempt")
        self._limit = limit
        self._page = page
        keys = [each if each.kty == "oct" else each.public() for each in (key, *previous)]
        self._minter = Minter(key, origin=origin, lifetime=lifetime, clock=clock)
        self._verifier = Verifier(keys, origin=origin, replay=None, clock=clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        scope = {**scope, "headers": [pair for pair in scope["headers"] if pair[0].lower() not in _OVERRIDES]}
        if scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
            return
        made = scope[_KEY] = self._forms(scope)

        async def sending(message: Message) -> None:
            await send(made.start(message) if message["type"] == "http.response.start" else message)

        if scope["method"] in SAFE:
            await self._app(scope, receive, sending)
        elif is_below(scope["path"], self._exempt):
            headers = [pair for pair in scope["headers"] if pair[0].lower() != b"cookie"]
            await self._app({**scope, "headers": headers}, receive, sending)
        else:
            await self._unsafe(scope, receive, sending)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A handshake has no token, and a page anywhere can begin one with our cookies: its Origin decides."""
        try:
            if is_browser(scope):
                check_provenance(scope, self._origin)
        except AccessError as error:
            _LOG.info("refused a WebSocket: %s", error.message)
            await _FORBIDDEN(scope, receive, send)
            return
        await self._app(scope, receive, send)

    async def _unsafe(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            sent = await self._sent(scope, receive)
            refusal = await self._check(sent, scope)
        except Disconnected:
            return
        except UndersignError as error:
            _LOG.info("refused: %s: %s", error.code, error.message)
            refusal = _refusal(error)
        else:
            receive = sent.form.receive if sent.form else receive
        await (refusal or self._app)(scope, receive, send)

    async def _sent(self, scope: Scope, receive: Receive) -> _Sent:
        """Find the token, and all that it must be bound to."""
        provenance = check_provenance(scope, self._origin)
        session = forms(scope).session
        if session is None:
            raise AccessError("The request has no session.")
        form = None
        tokens = fields(scope, HEADER)
        if not tokens:
            form = await read(scope, receive, name=FIELD, limit=self._limit)
            tokens = list(form.values)
        if len(tokens) != 1:
            raise AccessError("The request has no CSRF token, or several.")
        return _Sent(tokens[0], session, f"{scope['method']} {scope['path']}", provenance, form)

    async def _check(self, sent: _Sent, scope: Scope) -> Refusal | None:
        """Verify the token and use it up; an answer for the person whose own form came late or twice."""
        reason: Literal["expired", "used"] = "expired"
        try:
            verified = self._verifier.verify(sent.token, session=sent.session, action=sent.action)
            await asyncio.to_thread(self._replay.consume, self._verifier.burn(verified))
        except (ExpiredTokenError, ReplayedError) as error:
            if sent.provenance != "same-origin":
                raise
            reason = "used" if isinstance(error, ReplayedError) else "expired"
        else:
            return None
        _LOG.info("a form came back: %s", reason)
        return self._stale(sent, scope, reason)

    def _stale(self, sent: _Sent, scope: Scope, reason: Literal["expired", "used"]) -> Refusal:
        status = 409 if reason == "used" else 403
        token = self._minter.mint(session=sent.session, action=sent.action)
        if sent.form is None:
            problem = {"type": f"urn:undersign:problem:form-{reason}", "title": _TITLES[reason], "status": status}
            return Refusal(status, dump_json(problem), "application/problem+json", (("x-csrf-next", token),))
        shown = sent.form.fields if scope["method"] == "POST" else None  # what a form can send
        found = None if shown is None else [pair for pair in shown if pair[0] != FIELD]
        stale = StaleForm(
            reason,
            self._url(scope),
            FIELD,
            token,
            None if found is None else tuple(pair for pair in found if not is_secret(pair[0])),
            tuple(name for name, _ in found or () if is_secret(name)),
        )
        body = self._page(stale).encode("utf-8", "replace")
        # A page of the application's own has the application's policy: it may have styles.
        own = self._page is not stale_page
        headers = (("referrer-policy", "same-origin"), *(() if own else (("content-security-policy", POLICY),)))
        return Refusal(status, body, "text/html; charset=utf-8", headers)

    def _url(self, scope: Scope) -> str:
        """Where the form is sent: whole, since a path of two slashes alone would name another host."""
        query = scope.get("query_string", b"").decode("latin-1")
        path = quote(scope["path"], safe="/:@!$&'()*+,;=-._~")
        return self._origin.text + path + (f"?{quote(query, safe=_QUERY)}" if query else "")

    def _forms(self, scope: Scope) -> Forms:
        if self._session is not None:
            return Forms(self._minter, self._origin, self._session(scope) or None, own=False)
        found = cookies(scope, cookie_name(self._origin))
        session = found[0] if len(found) == 1 and _SESSION.fullmatch(found[0]) else None
        return Forms(self._minter, self._origin, session, own=True)


_QUERY: Final = "/?:@!$&'()*+,;=-._~%"
_TITLES: Final = {"expired": "The form expired; nothing was done", "used": "The form was already sent"}
_FORBIDDEN: Final = Refusal(403, b"This request was refused.\n")


def _refusal(error: UndersignError) -> Refusal:
    """What anybody may hear: whose fault it is, and nothing else."""
    if isinstance(error, (ReplayStoreError, StorageError)):
        return Refusal(503, b"Please try again in a moment; nothing was done.\n", headers=(("retry-after", "1"),))
    if isinstance(error, RequestTooLargeError):
        return Refusal(413, b"The form is too long.\n")
    if type(error) is RequestError:
        return Refusal(400, b"The form cannot be read.\n")
    return _FORBIDDEN
