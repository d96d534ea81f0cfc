"""For any ASGI application: what it mounts and wraps itself in, without a framework of ours."""

from __future__ import annotations

from .jwks import jwks

__all__ = ["jwks"]
