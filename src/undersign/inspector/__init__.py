"""Look at any token: what it says, and which check would refuse it, for the page and the command line alike."""

from __future__ import annotations

from .explain import Check, Explanation, explain

__all__ = ["Check", "Explanation", "explain"]
