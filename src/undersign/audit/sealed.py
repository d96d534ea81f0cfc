"""What is made before it is committed is sealed: only the committed line that names it opens it (DESIGN section 4).

A result whose key is in this process is made first and committed then, with everything that it uses up. Until the
commit nobody may see it. So what makes it hands out a ``Sealed``, which names the hash of the result in the entry to be
committed, and gives the result to nothing but the ``Committed`` line of that very entry. A commit that refuses leaves
a seal that nothing opens.
"""

from __future__ import annotations

from typing import Any, Final, Generic, NoReturn, TypeVar, final

from undersign.errors import PolicyError, UnauthenticatedError

from .chain import Line
from .record import Write

__all__ = ["MAKER", "Committed", "Sealed"]

T = TypeVar("T")

MAKER: Final = object()  # for the ledger alone; tests/architecture counts who imports it


class _Evidence:
    """What both share: read-only, not copied, not pickled, not derived from."""

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Evidence cannot be copied or pickled: it is made by a commit.")

    def __init_subclass__(cls) -> None:
        if cls.__module__ != __name__:
            raise TypeError("Evidence cannot be derived from.")


@final
class Committed(_Evidence):
    """Evidence that a line is on disk, with all that was to become true with it. Made by the ledger only.

    Attributes:
        line: The line.
    """

    __slots__ = ("line",)

    line: Line

    def __init__(self, maker: object, line: Line) -> None:
        if maker is not MAKER:
            raise TypeError("A Committed line is made by the ledger only.")
        object.__setattr__(self, "line", line)

    def holds(self, fragment: bytes) -> bool:
        """Whether the line is that of the entry with these octets, whole."""
        return self.line.body.endswith(b"," + fragment + b"}")


@final
class Sealed(_Evidence, Generic[T]):
    """A result that was made and not committed: nobody has seen it yet.

    Args:
        result: What is sealed.
        digest: SHA-256, in hex, of the result's octets.
        write: What must be committed before the result may be seen; its entry names the digest.

    Raises:
        PolicyError: The entry does not name the digest.
    """

    __slots__ = ("_result", "write")

    write: Write

    def __init__(self, result: T, digest: str, write: Write) -> None:
        if len(digest) != 64 or f'"{digest}"'.encode() not in write.fragment:  # noqa: PLR2004 - hex digits of SHA-256
            raise PolicyError("What is sealed must be named, by its hash, in the entry that opens it.")
        object.__setattr__(self, "_result", result)
        object.__setattr__(self, "write", write)

    def open(self, committed: object) -> T:
        """Give the result.

        Raises:
            UnauthenticatedError: What was handed in is not the committed line of this very result.
        """
        if not isinstance(committed, Committed) or not committed.holds(self.write.fragment):
            raise UnauthenticatedError("Only the committed line that names a result opens it.")
        result: T = self._result  # type: ignore[attr-defined] # kept out of what a reader of the class may use
        return result

    def __repr__(self) -> str:
        return "<Sealed: not committed, not to be seen>"
