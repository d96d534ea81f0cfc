"""A checkpoint: a signed statement of where a segment of the chain ended, from which a verification may begin.

It is a JWS by an epoch's key and carries all that is needed beside the root's fingerprint: the root's public key and
the epoch's certificate. It says what the lines before it came to, never that nothing follows: it is no head.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn, final

from undersign.encoding import decode_segment, parse_object
from undersign.errors import ChainError, UndersignError
from undersign.jwk import Key, load_public

from .certificate import Certified, certified, members_of, opened
from .chain import CHECKPOINT_TYP

__all__ = ["Checkpoint", "verify_checkpoint"]

_SEAL: Final = object()
_HASH: Final = 64
_LONGEST: Final = 64 * 1024


@final
class Checkpoint:
    """Evidence of where a segment ended. Made by ``verify_checkpoint`` only.

    Attributes:
        chain: The chain's id.
        seq: The number of the segment's last line.
        hash: That line's hash.
        line_time: That line's time.
        time: When the checkpoint was signed.
        root: The chain's root key.
        epoch: The key that signed it.
    """

    __slots__ = ("chain", "epoch", "hash", "line_time", "root", "seq", "time")

    chain: str
    seq: int
    hash: str
    line_time: int
    time: int
    root: Key
    epoch: Certified

    def __init__(self, *, seal: object = None, **facts: object) -> None:
        if seal is not _SEAL:
            raise TypeError("A Checkpoint is made by verify_checkpoint only.")
        for name in self.__slots__:
            object.__setattr__(self, name, facts[name])

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("A Checkpoint is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("A Checkpoint is read-only.")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("A Checkpoint is not subclassed.")

    def __reduce__(self) -> NoReturn:
        raise TypeError("A Checkpoint is not copied or pickled: verify the file where it is needed.")


def verify_checkpoint(token: str, *, root: str) -> Checkpoint:
    """Verify a checkpoint.

    Args:
        token: The JWS, as ``undersign audit close`` wrote it.
        root: The fingerprint (RFC 7638 thumbprint) of the chain's root key, from a source other than its server.

    Raises:
        ChainError: It is not whole, or not of the chain with this root.
    """
    stated = _stated(token)
    root_key = _key(stated.get("root"))
    if root_key.thumbprint() != root:
        raise ChainError(
            f"The checkpoint's root is {root_key.thumbprint()}, not the one that was brought.",
            help="Either the fingerprint is another chain's, or this checkpoint was put in place of the true one.",
        )
    chain = str(stated.get("chain"))
    epoch = certified(str(stated.get("certificate")), root_key, chain, where="in the checkpoint")
    # Until here nothing that the checkpoint says was believed but the keys that it brings, each by who vouches for it.
    claims = opened(token, epoch.key, CHECKPOINT_TYP, "The checkpoint")
    seq, hash_, time, line_time = (claims.get(name) for name in ("seq", "hash", "time", "line_time"))
    if not chain.isascii() or not chain:
        raise ChainError("The checkpoint names no chain.")
    if type(seq) is not int or seq < 1 or not isinstance(hash_, str) or len(hash_) != _HASH:
        raise ChainError("The checkpoint names no line.")
    if type(time) is not int or not epoch.not_before <= time <= epoch.not_after:
        raise ChainError("The checkpoint was signed outside the window of its epoch.")
    if type(line_time) is not int:
        raise ChainError("The checkpoint does not say when its line was written.")
    return Checkpoint(
        seal=_SEAL, chain=chain, seq=seq, hash=hash_, line_time=line_time, time=time, root=root_key, epoch=epoch
    )


def _stated(token: str) -> Mapping[str, Any]:
    """What it says, believed by nobody yet."""
    parts = token.encode("ascii", "replace").split(b".")
    if len(token) > _LONGEST or len(parts) != 3:  # noqa: PLR2004 - the segments of the compact serialization
        raise ChainError("The checkpoint is not a compact JWS.")
    try:
        return parse_object(decode_segment(parts[1]))
    except UndersignError as error:
        raise ChainError(f"The checkpoint cannot be read: {error.message}") from error


def _key(value: object) -> Key:
    try:
        return load_public(json.dumps(dict(members_of(value))), alg="Ed25519")
    except UndersignError as error:
        raise ChainError(f"The checkpoint names no root key: {error.message}") from error
