"""The tutorial's form, done right: undersign.asgi.csrf around it, tokens of thirty seconds (seed 003, section 6)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from .. import jwk
from ..asgi.csrf import CSRFProtection, forms
from ..asgi.stale import StaleForm
from ..encoding import b64url_decode, parse_object
from ..replay import MemoryReplayStore
from .pages import Pages
from .sandbox import NAMES
from .site import Site

__all__ = ["PATH", "FormPage"]

PATH: Final = "/jwt-csrf-form"
_LIFETIME: Final = "30s"
_LIMIT: Final = 64 * 1024


class FormPage:
    """An ASGI application with one address. GET shows the form; POST takes it, if its token holds.

    Args:
        clock: Tells the time by which tokens are made and judged.
    """

    def __init__(self, site: Site, pages: Pages, *, clock: Callable[[], float] = time.time) -> None:
        self._pages = pages
        # A key for these tokens alone, never one of the sandboxes' secrets, which anybody may set and see.
        key, replay = jwk.generate(NAMES[0]), MemoryReplayStore(clock=clock)
        self._by_host = {
            host: CSRFProtection(
                self._serve,
                key=key,
                origin=origin,
                replay=replay,
                lifetime=_LIFETIME,
                limit=_LIMIT,
                page=self._stale,
                clock=clock,
            )
            for host, origin in site.origin_by_host.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the guard around us has let its Host pass."""
        await self._by_host[Request(scope).headers["host"].lower()](scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = forms(scope).token(PATH)
        state = "sent" if scope["method"] == "POST" else "fresh"
        await self._pages.form(state=state, token=token, claims=_claims(token))(scope, receive, send)

    def _stale(self, form: StaleForm) -> str:
        """The page for a form of this very session that came late or twice; only such a one is shown anew."""
        return self._pages.form_text(state=form.reason, token=form.token, claims=_claims(form.token))


def _claims(token: str) -> str:
    """The claims of a token that was minted a moment ago, to be looked at."""
    return json.dumps(parse_object(b64url_decode(token.split(".")[1])), indent=2)
