"""The configuration file: read, checked for what is unsafe, and nothing else; no domain knows of it."""

from __future__ import annotations

from .check import check
from .reader import Problem, load, parse
from .secrets import secret
from .tables import RESERVED_KEYS, Settings

__all__ = ["RESERVED_KEYS", "Problem", "Settings", "check", "load", "parse", "secret"]
