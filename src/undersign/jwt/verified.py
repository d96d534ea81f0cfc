"""Evidence that a JWT was verified; only its verifier can make it (RFC 7519 section 7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from ..encoding import FrozenDict
from ..jwk.key import Key

__all__ = ["VerifiedJWT"]


class VerifiedJWT:
    """A JWT whose signature and claims hold. Read-only; never built, copied with changes or unpickled elsewhere.

    Attributes:
        claims: The Claims Set, read-only at every depth.
        header: The protected header, read-only.
        key: The key that made the signature.
        checks: What was checked, and which leniency was used: names of claims, ``signature``, ``typ``, ``quirk:...``.
    """

    __slots__ = ("_facts",)

    _facts: tuple[FrozenDict, FrozenDict, Key, tuple[str, ...]]

    def __init__(self, *_: object, **__: object) -> None:
        msg = "A VerifiedJWT is made by a jwt.Verifier only."
        raise TypeError(msg)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A VerifiedJWT is read-only."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __init_subclass__(cls) -> NoReturn:
        msg = "A VerifiedJWT is not subclassed: a subclass could say what it was never told."
        raise TypeError(msg)

    def __reduce__(self) -> NoReturn:
        msg = "A VerifiedJWT is not copied or pickled: verify the token where it is needed."
        raise TypeError(msg)

    def __repr__(self) -> str:
        names = ",".join(map(ascii, self.claims))
        return f"<VerifiedJWT alg={self.header.get('alg')!r} claims={names} checks={','.join(self.checks)}>"

    @property
    def claims(self) -> Mapping[str, Any]:
        return self._facts[0]

    @property
    def header(self) -> Mapping[str, Any]:
        return self._facts[1]

    @property
    def key(self) -> Key:
        return self._facts[2]

    @property
    def checks(self) -> tuple[str, ...]:
        return self._facts[3]


# The slot itself: one C call, where object.__setattr__ would look it up by name for each token.
_set_facts: Any = VerifiedJWT.__dict__["_facts"].__set__


_new: Final = object.__new__


def seal(claims: FrozenDict, header: FrozenDict, key: Key, checks: tuple[str, ...]) -> VerifiedJWT:
    """Make the evidence; for the verifier of this package only."""
    evidence = _new(VerifiedJWT)
    _set_facts(evidence, (claims, header, key, checks))
    return evidence
