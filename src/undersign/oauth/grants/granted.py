"""What a grant decided: the contents of the token to be made (RFC 9068 section 2.2)."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Granted"]


class Granted(NamedTuple):
    """The decision of a grant.

    Attributes:
        scope: The scope granted, space-separated; empty for none.
        audience: The one resource that the token is for.
    """

    subject: str
    client_id: str
    scope: str
    audience: str
