"""Which operation is at an address: made once from the operations' rows, asked for each request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from . import problem
from .exchange import Reply
from .operation import Operation

__all__ = ["Table"]

_NONE: Final[Mapping[str, str]] = {}


class Table:
    """The operations by path and method; a path may have parameters, each a whole segment."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._exact: dict[str, dict[str, Operation]] = {}
        self._patterns: dict[tuple[str, ...], dict[str, Operation]] = {}
        for operation in operations:
            segments = tuple(operation.path.split("/"))
            parted = any(segment.startswith("{") for segment in segments)
            at = self._patterns.setdefault(segments, {}) if parted else self._exact.setdefault(operation.path, {})
            at[operation.method] = operation
            if operation.method == "GET":
                at["HEAD"] = operation

    def find(self, method: str, path: str) -> tuple[Operation | Reply, Mapping[str, str]]:
        """The operation and its path's parameters; or the reply that there is none, or not by this method."""
        methods, parameters = self._exact.get(path), _NONE
        if methods is None:
            methods, parameters = self._matched(tuple(path.split("/")))
        if methods is None:
            return problem.plain(404), parameters
        found = methods.get(method)
        if found is None:
            return problem.plain(405, headers=((b"allow", ", ".join(sorted(methods)).encode()),)), parameters
        return found, parameters

    def _matched(self, segments: tuple[str, ...]) -> tuple[dict[str, Operation] | None, Mapping[str, str]]:
        for pattern, methods in self._patterns.items():
            if len(pattern) == len(segments):
                parameters = {p[1:-1]: s for p, s in zip(pattern, segments, strict=True) if p.startswith("{")}
                plain = all(p == s or (p.startswith("{") and s) for p, s in zip(pattern, segments, strict=True))
                if plain:
                    return methods, parameters
        return None, _NONE
