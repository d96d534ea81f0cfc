"""A set of keys at hand, and how the one key for a token is chosen (RFC 7515 section 6, RFC 7517 section 5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, Protocol, TypeAlias, runtime_checkable

from ..encoding import parse_json
from ..errors import (
    AlgorithmNotAllowedError,
    AmbiguousKeyError,
    KeyMaterialError,
    LimitError,
    PolicyError,
    UndersignError,
    UnknownKeyError,
    quoted,
)
from ..jwk import from_jwk
from ..jwk.key import Key, refuse_private
from ..limits import DEFAULT, Limits

__all__ = ["Header", "HeaderKeySource", "KeySet", "KeySource", "Keys", "OneKey", "Skipped", "as_source"]


@runtime_checkable
class KeySource(Protocol):
    """Anything that finds keys: a set at hand, a set at a URL, a certificate policy.

    One that can learn of new keys also has ``async refresh()``, which Verifier.averify awaits once after an
    UnknownKeyError.
    """

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find the one key for a header's kid, x5t#S256 and alg; its state is read at this moment.

        Raises:
            KeySelectionError: There is none, or more than one.
            AlgorithmNotAllowedError: No key of the source is for that algorithm.
        """


class Header(Protocol):
    """What a header tells a source that reads more of it than KeySource.find is given: header.JOSEHeader does."""

    @property
    def alg(self) -> str:
        """The algorithm's name."""

    @property
    def kid(self) -> str | None:
        """The key ID, or None."""

    @property
    def x5t_s256(self) -> str | None:
        """The certificate thumbprint, or None."""

    @property
    def protected(self) -> Mapping[str, Any]:
        """The members that the signature covers; nothing else may say where a key comes from."""


@runtime_checkable
class HeaderKeySource(KeySource, Protocol):
    """A source that a policy of yours lets read a key's origin from the header: TrustedUrls and CertificateChain.

    Verifiers ask ``find_for`` in place of ``find`` where a source has it. What it gives is a hint that was checked
    against the policy, never an algorithm.
    """

    def find_for(self, header: Header, /) -> Key:
        """Find the one key for a token by its header.

        Raises:
            KeySelectionError: The header names none, or one that the policy does not trust.
            KeyMaterialError, AlgorithmNotAllowedError: As KeySource.find.
        """


class Skipped:
    """A member of a JWK Set that could not be read, and why; the set works without it."""

    __slots__ = ("error", "index", "kid")

    def __init__(self, index: int, kid: str | None, error: UndersignError) -> None:
        self.index = index
        self.kid = kid
        self.error = error

    def __repr__(self) -> str:
        return f"<Skipped key {self.index} kid={quoted(self.kid)}: {self.error.code}>"


class KeySet:
    """Several keys; a token's kid, certificate thumbprint and algorithm choose one.

    Args:
        keys: The keys; retired ones too, for as long as what they signed must verify.
        skipped: What `load` could not read.
    """

    __slots__ = ("_by_alg", "keys", "skipped")

    keys: tuple[Key, ...]
    skipped: tuple[Skipped, ...]
    _by_alg: dict[str, tuple[Key, ...]]

    def __init__(self, keys: Iterable[Key] = (), *, skipped: tuple[Skipped, ...] = ()) -> None:
        found = tuple(keys)
        for key in found:
            if not isinstance(key, Key):
                raise PolicyError(
                    "A KeySet holds keys.", help="Read them with jwk.load() or the whole set with jwks.KeySet.load()."
                )
        by_alg: dict[str, tuple[Key, ...]] = {}
        for key in found:
            if key.alg is not None:
                by_alg[key.alg] = (*by_alg.get(key.alg, ()), key)
        for name, value in (("keys", found), ("skipped", skipped), ("_by_alg", by_alg)):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        msg = "A KeySet is read-only; make a new one."
        raise AttributeError(msg)

    def __delattr__(self, name: str) -> NoReturn:
        self.__setattr__(name, None)

    def __iter__(self) -> Iterator[Key]:
        return iter(self.keys)

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"KeySet({list(self.keys)!r})"

    @classmethod
    def load(cls, source: Mapping[str, Any] | str | bytes, *, limits: Limits = DEFAULT) -> KeySet:
        """Read a JWK Set. A member that cannot be read is left out and listed in ``skipped`` (RFC 7517 section 5).

        Raises:
            KeyMaterialError: The source is not a JWK Set.
            LimitError: It is longer, or has more keys, than the limits allow.
        """
        if not isinstance(source, Mapping):
            source = _parse(source, limits)
        members = source.get("keys")
        if not isinstance(members, list):
            raise KeyMaterialError(
                "A JWK Set is a JSON object with the array 'keys'.", help="Read a single key with jwk.load()."
            )
        if len(members) > limits.keys:
            raise LimitError(f"The key set has {len(members)} keys; {limits.keys} are allowed.")
        keys: list[Key] = []
        skipped: list[Skipped] = []
        for index, member in enumerate(members):
            try:
                keys.append(_member(member))
            except UndersignError as error:
                kid = member.get("kid") if isinstance(member, Mapping) else None
                skipped.append(Skipped(index, kid if isinstance(kid, str) else None, error))
        return cls(keys, skipped=tuple(skipped))

    def find(self, kid: str | None, x5t_s256: str | None, alg: str) -> Key:
        """Find the one key for a token; see KeySource.find."""
        keys: Sequence[Key] = self._by_alg.get(alg, ())
        if len(keys) == 1 and kid == keys[0].kid and kid is not None:
            return keys[0]
        return self._choose(kid, x5t_s256, alg)

    def _choose(self, kid: str | None, x5t_s256: str | None, alg: str) -> Key:
        # 1. A kid that no key has: perhaps a new one, perhaps an attack; never another key in its place.
        named = self.keys if kid is None else [key for key in self.keys if key.kid == kid or key.kid is None]
        if not named:
            raise UnknownKeyError(f"No key of the set has the kid {quoted(kid)}.", source=self)
        # 2. The algorithm is the key's.
        fitting = [key for key in named if key.fits(alg)]
        if not fitting:
            whose = "any key of the set" if kid is None else f"the key {quoted(kid)}"
            raise AlgorithmNotAllowedError(f"{quoted(alg)} is not the algorithm of {whose}.")
        # 3. Of several, the one that is named by kid or certificate.
        if len(fitting) > 1 and kid is not None:
            fitting = [key for key in fitting if key.kid == kid] or fitting
        if len(fitting) > 1 and x5t_s256 is not None:
            fitting = [key for key in fitting if key.x5t_s256 == x5t_s256]
        elif kid is None and x5t_s256 is not None and fitting[0].x5t_s256 not in {None, x5t_s256}:
            fitting = []
        if not fitting:
            raise UnknownKeyError("No key of the set has the certificate that x5t#S256 names.", source=self)
        if len(fitting) > 1:
            raise AmbiguousKeyError(f"{len(fitting)} keys of the set fit, and the header does not tell which.")
        return fitting[0]

    def to_jwks(self) -> dict[str, list[dict[str, Any]]]:
        """Write the public halves as a JWK Set; secrets have none and are left out."""
        return {"keys": [key.to_jwk() for key in self.keys if key.kty != "oct"]}


class OneKey:
    """A single key: there is nothing to choose, so a kid is not compared; the algorithm is.

    Args:
        keys: The same key, bound to each algorithm it may serve.
    """

    __slots__ = ("_by_alg",)

    def __init__(self, keys: Iterable[Key]) -> None:
        self._by_alg = {key.alg: key for key in keys}

    def find(self, kid: str | None, x5t_s256: str | None, alg: str) -> Key:
        """Give the key, if the algorithm is its own."""
        key = self._by_alg.get(alg)
        if key is None:
            raise AlgorithmNotAllowedError(
                f"{quoted(alg)} is not the algorithm of this key, which is for {', '.join(map(str, self._by_alg))}."
            )
        return key


Keys: TypeAlias = "Key | KeySource | Sequence[Key]"
"""What a caller may pass as keys."""


def as_source(keys: Keys, algorithms: Iterable[str] | None, *, short_secret: bool = False) -> KeySource:
    """Turn what a caller passes as keys into a source whose keys are bound to what they may serve.

    Args:
        keys: A Key, a list of them, a KeySet, or another KeySource.
        algorithms: The caller's allow-list; None for the keys' own algorithms.
        short_secret: Whether secrets below the hash's length may verify.

    Raises:
        PolicyError: The keys are of no such kind, there are none, or one can serve nothing that is allowed.
        PrivateKeyGivenError: One is a private key.
    """
    if isinstance(keys, Key):
        refuse_private([keys])
        return OneKey(_bind(keys, algorithms, short_secret=short_secret))
    if isinstance(keys, KeySet) or (isinstance(keys, (list, tuple)) and all(isinstance(key, Key) for key in keys)):
        found = tuple(keys)
        if not found:
            raise PolicyError("There are no keys to verify with.")
        refuse_private(found)
        bound = [each for key in found for each in _bind(key, algorithms, short_secret=short_secret, strict=False)]
        return KeySet(bound)
    if isinstance(keys, KeySource) and not _is_text(keys):
        return keys
    raise PolicyError(
        "Keys are Key objects, lists of them, or key sets; text and octets are never taken as keys.",
        help="Use jwk.load(...), jwk.secret(..., alg=...) or jwks.KeySet.load(...).",
    )


def _is_text(keys: object) -> bool:
    # Text and octets have a method named find as well, and are never keys.
    return isinstance(keys, (str, bytes, bytearray))


def _bind(key: Key, algorithms: Iterable[str] | None, *, short_secret: bool, strict: bool = True) -> list[Key]:
    if algorithms is None:
        if key.alg is None and strict:
            raise PolicyError(
                f"The key {key!r} names no algorithm.",
                help="Name what you accept: algorithms=[...], or jwk.load(source, alg=...).",
            )
        chosen = [key]  # in a set, one that names none is found by its kid, and then refused for want of a name
    else:
        chosen = [key.bound(alg) for alg in algorithms if key.fits(alg)]
        if not chosen and strict:
            raise AlgorithmNotAllowedError(f"None of the algorithms allowed is one of this key, {key!r}.")
    return [each.with_short_secret() for each in chosen] if short_secret else chosen


def _member(member: object) -> Key:
    if not isinstance(member, Mapping):
        raise KeyMaterialError("A member of a key set is not a JSON object.")
    return from_jwk(member)


def _parse(source: str | bytes, limits: Limits) -> Mapping[str, Any]:
    octets = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if not isinstance(octets, (bytes, bytearray)):
        raise KeyMaterialError("A JWK Set is a dict, or JSON in a string or bytes.")
    if len(octets) > limits.token:
        raise LimitError(f"The key set is longer than {limits.token} octets.")
    value = parse_json(bytes(octets), limits)
    if not isinstance(value, Mapping):
        raise KeyMaterialError("A JWK Set is a JSON object with the array 'keys'.")
    return value
