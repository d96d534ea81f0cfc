"""Secrets to play with: a sandbox for each browser, in memory, capped in number and age.

Nothing here protects anything: a sandbox shows its secrets to whoever holds its cookie, and is forgotten after an hour.
"""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from .. import jwk
from ..encoding import b64url_decode
from ..errors import PolicyError, RequestError, WeakKeyError, quoted
from ..jwa.signature import ALGORITHMS
from ..jwk.key import Key
from ..jwks.resolver import KeyResolver

__all__ = ["NAMES", "Opened", "Sandbox", "Sandboxes"]

NAMES: Final = tuple(row.name for row in ALGORITHMS.values() if row.kty == "oct")
_SIGNS: Final = NAMES[0]  # the tutorial signs with the first, HMAC with SHA-256, and says that it keeps examples simple
_AGE: Final = 3600.0
_CAP: Final = 1000


class Sandbox:
    """One secret for each HMAC algorithm: the tutorial's SecretService."""

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: dict[str, Key] = {}
        self.refresh()

    @property
    def signing_key(self) -> Key:
        """The key that signs."""
        return self._keys[_SIGNS]

    def resolver(self, *, short: bool = False) -> KeyResolver:
        """Finds the key by a token's ``alg``; each key serves that one algorithm, so the header only selects.

        Args:
            short: Whether a secret below the hash length may verify.
        """

        def resolve(_: str | None, alg: str) -> Key | None:
            key = self._keys.get(alg)
            return key.with_short_secret() if key is not None and short else key

        return KeyResolver(resolve)

    def refresh(self) -> None:
        """Make new secrets, each as long as its hash."""
        self._keys = {name: jwk.generate(name) for name in NAMES}

    def set(self, texts: Mapping[str, object], *, short: bool = False) -> None:
        """Set the secrets that are named, all of them or none.

        Args:
            texts: Base64 by the algorithm's name.
            short: Whether a secret below the hash length is taken, which then verifies by quirk and never signs.

        Raises:
            RequestError: A name is none of the three, there is none, or a value is not base64.
            WeakKeyError: A secret is shorter than its algorithm's hash.
        """
        unknown = [name for name in texts if name not in NAMES]
        if unknown or not texts:
            found = quoted(unknown[0]) if unknown else "nothing"
            raise RequestError(
                f"There are secrets for {', '.join(NAMES)}; {found} was given.",
                help="http POST .../set-secrets HS256=... HS384=... HS512=... sets them.",
            )
        keys = {name: _key(name, text) for name, text in texts.items()}
        for key in keys.values():
            if key.unusable and not short:
                raise WeakKeyError(key.unusable, help=_ANTI_PATTERN)
        self._keys |= keys

    def shown(self) -> dict[str, str]:
        """The secrets as base64, by algorithm."""
        return {name: _base64(self._keys[name]) for name in NAMES}


_ANTI_PATTERN: Final = (
    "Give base64 of as many octets as the hash has: GET /refresh-secrets makes such secrets. "
    "To read old tokens anyway, name the leniency: POST /set-secrets?quirk=short-secret."
)


def _key(name: str, text: object) -> Key:
    try:
        return jwk.secret(base64=text if isinstance(text, str) else "?", alg=name)
    except PolicyError:
        raise RequestError(
            f"The secret for {name} is not base64.", help="Encode its octets: the alphabet with + and /, padded with =."
        ) from None


def _base64(key: Key) -> str:
    return b64encode(b64url_decode(key.to_jwk(private=True)["k"])).decode("ascii")


@dataclass(frozen=True, slots=True)
class Opened:
    """A sandbox, and the new name that the browser is to keep; no name for the shared one or one it has already."""

    sandbox: Sandbox
    name: str = ""


class Sandboxes:
    """Every sandbox, found by the hash of its cookie; the one unused for longest goes when there are too many.

    Args:
        shared: Whether callers without a cookie share one sandbox; for loopback only.
        clock: Tells seconds that never run backwards.
        cap: How many are kept.
    """

    __slots__ = ("_cap", "_clock", "_kept", "_shared")

    def __init__(self, *, shared: bool = True, clock: Callable[[], float] = time.monotonic, cap: int = _CAP) -> None:
        self._shared = Sandbox() if shared else None
        self._clock = clock
        self._cap = cap
        self._kept: OrderedDict[bytes, tuple[Sandbox, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def open(self, name: str | None, *, browser: bool) -> Opened:
        """Give the sandbox of a cookie; a name that we did not give, or have forgotten, opens a new one.

        Args:
            name: What the cookie says; None where there is none.
            browser: Whether the caller will keep a cookie.
        """
        self._forget()
        digest = _digest(name or "")
        if digest in self._kept:
            sandbox = self._kept.pop(digest)[0]
            self._kept[digest] = (sandbox, self._clock())
            return Opened(sandbox)
        if self._shared is not None and name is None and not browser:
            return Opened(self._shared)
        return self._new()

    def _new(self) -> Opened:
        while len(self._kept) >= self._cap:
            self._kept.popitem(last=False)
        name, sandbox = secrets.token_urlsafe(24), Sandbox()
        self._kept[_digest(name)] = (sandbox, self._clock())
        return Opened(sandbox, name)

    def _forget(self) -> None:
        oldest = self._clock() - _AGE
        while self._kept and next(iter(self._kept.values()))[1] < oldest:
            self._kept.popitem(last=False)


def _digest(name: str) -> bytes:
    return sha256(name.encode("utf-8", "surrogatepass")).digest()
