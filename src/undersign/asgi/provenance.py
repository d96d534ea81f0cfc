"""Where a request comes from, by its browser's own word: Sec-Fetch-Site, then Origin (W3C Fetch Metadata; RFC 6454).

No page can set or forge either. A browser too old for the first sends the second with every POST; what sends neither
is not a browser that a page made send it, or is hiding, and is not let in with a cookie.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from ..errors import AccessError
from .messages import Origin, Scope, fields

__all__ = ["Provenance", "check_provenance", "is_browser"]

Provenance: TypeAlias = Literal["same-origin", "none"]
"""``none``: the person typed the address, opened a bookmark, or otherwise no page asked for it."""


def check_provenance(scope: Scope, origin: Origin) -> Provenance:
    """Refuse a request that another site made the browser send.

    ``same-site`` is another site: a neighbouring host, or another port of localhost, whose pages send our cookies.

    Raises:
        AccessError: It comes from elsewhere, or nothing says where from.
    """
    sites, origins = fields(scope, "sec-fetch-site"), fields(scope, "origin")
    if len(sites) > 1 or len(origins) > 1:
        raise AccessError("The request says twice where it comes from.")
    stated = origins[0] if origins else None
    if not sites:
        if stated != origin.text:
            raise AccessError("The request does not come from this origin, or does not say so.")
        return "same-origin"
    site = sites[0]
    # Under Referrer-Policy: no-referrer a page's own form has the Origin null.
    allowed = {None, "null", origin.text} if site == "same-origin" else {None, origin.text}
    if stated not in allowed:
        raise AccessError("The request comes from another origin.")
    if site == "same-origin":
        return "same-origin"
    if site == "none":
        return "none"
    raise AccessError("The request comes from another site.")


def is_browser(scope: Scope) -> bool:
    """Tell whether the request has anything that only a browser sends, or that a browser adds unasked."""
    return any(fields(scope, name) for name in ("sec-fetch-site", "origin", "cookie"))
