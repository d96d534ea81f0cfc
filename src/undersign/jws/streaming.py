"""Sign and verify files that do not fit in memory (RFC 7515 section 5, RFC 7797).

Hashes take the file piece by piece; ML-DSA takes its mu. EdDSA needs the whole message twice, so it is refused beyond
Limits.payload. What was verified is what comes out: an attached payload is decoded while it is hashed, into a file that
gets its name only after the signature has held, and a detached one is read once and never again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..encoding import decode_segment, encode_segment
from ..errors import LimitError, MalformedTokenError, NotStreamableError, PolicyError
from ..header import EMPTY, JOSEHeader
from ..jwa.families import SigningStream, VerifyingStream
from ..jwk.key import Key
from ..jwks.keyset import Keys
from ..limits import DEFAULT, Limits
from .compact import CompactVerifier, token_octets
from .signer import header_segment
from .verified import SignatureReport, VerifiedJWS, seal

__all__ = ["sign_file", "verify_file"]

_PIECE: Final = 3 * 256 * 1024  # a multiple of 3, so that each piece encodes by itself
_ENCODED_PIECE: Final = 4 * 256 * 1024  # a multiple of 4, so that each piece decodes by itself
_LONGEST_SIGNATURE: Final = 16 * 1024  # ML-DSA-87 has 6170 characters

Progress = Callable[[int], object]
Source = str | os.PathLike[str] | BinaryIO


def sign_file(
    source: Source,
    key: Key,
    *,
    header: Mapping[str, Any] | None = None,
    output: Source | None = None,
    b64: bool | None = None,
    progress: Progress | None = None,
) -> str:
    """Sign a file as a compact JWS.

    Args:
        source: The file, by name or open for binary reading.
        key: A private Key, or a secret.
        header: Further members of the protected header.
        output: Where to write the JWS with the file inside, base64url-encoded. Without it the JWS is detached.
        b64: Whether the payload is signed base64url-encoded. Unless said: detached no (RFC 7797, ten times faster),
            attached yes, which is the only way there.
        progress: Called with the octets read so far.

    Returns:
        The detached JWS; or, where ``output`` is given, its protected header and signature with nothing between.

    Raises:
        NotStreamableError: The algorithm is EdDSA and the file longer than Limits.payload.
        KeyMaterialError: The key cannot sign.
        PolicyError: An attached payload was asked for unencoded.
    """
    if not isinstance(key, Key):
        raise PolicyError(
            "Streams are signed with a Key in memory.", help="For a key elsewhere, jws.prepare() has the digest."
        )
    encoded = output is not None if b64 is None else b64
    if output is not None and not encoded:
        raise PolicyError("An attached payload is encoded.", help="Leave b64= or output= out.")
    segment = header_segment(key, header, encoded=encoded)
    stream = _begin(key.signing_stream, lambda: _WholeSigning(key))
    stream.update(segment + b".")
    with _reading(source) as pieces:
        if output is None:
            for piece in _counted(pieces, progress):
                stream.update(encode_segment(piece) if encoded else piece)
            signature = stream.sign()
        else:
            signature = _write_attached(segment, pieces, stream, output, progress)
    return f"{segment.decode('ascii')}..{encode_segment(signature).decode('ascii')}"


def _write_attached(
    segment: bytes, pieces: Iterator[bytes], stream: SigningStream, output: Source, progress: Progress | None
) -> bytes:
    with _Spool(output) as file:
        file.write(segment + b".")
        for piece in _counted(pieces, progress):
            text = encode_segment(piece)
            stream.update(text)
            file.write(text)
        signature = stream.sign()
        file.write(b"." + encode_segment(signature))
    return signature


def verify_file(  # one policy, whole
    token: str | bytes | Source,
    keys: Keys,
    *,
    payload: Source | None = None,
    output: Source | None = None,
    algorithms: Iterable[str] | None = None,
    understood: Collection[str] = (),
    limits: Limits = DEFAULT,
    progress: Progress | None = None,
) -> VerifiedJWS:
    """Verify a compact JWS over a file.

    Args:
        token: For a detached payload the JWS itself, as text; for an attached one the file that holds it.
        keys: A public Key or a secret, a list of them, a KeySet or another KeySource.
        payload: The detached file. Read once; the caller must not read it again and take that for what was verified.
        output: Where an attached payload is written, after its signature has held.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        understood: Critical header extensions that your code processes.
        limits: Caps.
        progress: Called with the octets read so far.

    Returns:
        The evidence. Its payload is empty: the octets are in the file.

    Raises:
        TokenError, KeyMaterialError: The JWS is refused, and nothing was written.
        PolicyError: Neither or both of ``payload`` and ``output`` were given.
    """
    verifier = CompactVerifier(keys, algorithms=algorithms, understood=understood, limits=limits)
    if (payload is None) == (output is None):
        raise PolicyError("Give payload= for a detached file, or output= for what a file with everything holds.")
    if payload is not None:
        if not isinstance(token, (str, bytes)):
            raise PolicyError("A detached JWS is text.", help="Read it from its file first.")
        return _verify_detached(token, verifier, payload, progress)
    assert output is not None  # noqa: S101 - one of both is given
    if isinstance(token, bytes):
        raise PolicyError("An attached JWS is read from a file.", help="Give its name, or an open file.")
    return _verify_attached(token, verifier, output, progress)


def _verify_detached(
    token: str | bytes, verifier: CompactVerifier, payload: Source, progress: Progress | None
) -> VerifiedJWS:
    octets = token_octets(token)
    if len(octets) > verifier.limits.token:
        raise LimitError(f"The token is longer than {verifier.limits.token} octets.")
    parts = octets.split(b".", 3)
    if len(parts) != 3 or parts[1]:
        raise MalformedTokenError("A detached JWS is a header, two dots and a signature.")
    header = verifier.parse_header(parts[0])
    signature = decode_segment(parts[2])
    key = verifier.choose(header)
    stream = _begin(key.verifying_stream, lambda: _WholeVerifying(key, verifier.limits))
    stream.update(parts[0] + b".")
    with _reading(payload) as pieces:
        for piece in _counted(pieces, progress):
            stream.update(encode_segment(piece) if header.encoded else piece)
    stream.verify(signature)
    return _evidence(header, key)


def _verify_attached(
    source: Source, verifier: CompactVerifier, output: Source, progress: Progress | None
) -> VerifiedJWS:
    with _opened(source) as file, _Spool(output) as spool:
        segment, rest = _first_segment(file, verifier.limits)
        header = verifier.parse_header(segment)
        if not header.encoded:
            raise MalformedTokenError("An attached payload that is not encoded is not read as a stream (RFC 7797).")
        key = verifier.choose(header)
        stream = _begin(key.verifying_stream, lambda: _WholeVerifying(key, verifier.limits))
        stream.update(segment + b".")
        signature = _second_segment(file, rest, stream, spool, progress)
        stream.verify(decode_segment(signature))
    return _evidence(header, key)


def _first_segment(file: BinaryIO, limits: Limits) -> tuple[bytes, bytes]:
    start = file.read(limits.header + 1)
    segment, dot, rest = start.partition(b".")
    if not dot:
        raise MalformedTokenError("The file does not begin with a JWS header within its limit.")
    return segment, rest


def _second_segment(
    file: BinaryIO, rest: bytes, stream: VerifyingStream, spool: BinaryIO, progress: Progress | None
) -> bytes:
    """Hash and decode the payload piece by piece; give the signature's segment, which follows it."""
    read, held = len(rest), rest
    while True:
        text, dot, signature = held.partition(b".")
        if dot:
            stream.update(text)
            spool.write(decode_segment(text))
            break
        whole = len(text) & ~3
        stream.update(text[:whole])
        spool.write(decode_segment(text[:whole]))
        piece = file.read(_ENCODED_PIECE)
        if not piece:
            raise MalformedTokenError("The file ends inside the payload.")
        held = text[whole:] + piece
        read += len(piece)
        if progress is not None:
            progress(read)
    signature += file.read(_LONGEST_SIGNATURE + 1 - len(signature)) if len(signature) <= _LONGEST_SIGNATURE else b""
    if len(signature) > _LONGEST_SIGNATURE:
        raise LimitError("What follows the payload is longer than any signature.")
    return signature.rstrip(b"\r\n")


def _evidence(header: JOSEHeader, key: Key) -> VerifiedJWS:
    return seal(b"", (SignatureReport(header.members, EMPTY, key, None),), ("signature", "stream"))


# ── algorithms that take the message whole ─────────────────────────────────────────────────────────────────────


def _begin(begin: Callable[[], Any], whole: Callable[[], Any]) -> Any:
    try:
        return begin()
    except NotStreamableError:
        return whole()


class _Whole:
    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._size = 0
        self._pieces: list[bytes] = []

    def update(self, octets: bytes) -> None:
        self._size += len(octets)
        if self._size > self._cap:
            raise NotStreamableError(f"EdDSA takes the message whole, and this one is longer than {self._cap} octets.")
        self._pieces.append(octets)


class _WholeSigning(_Whole):
    def __init__(self, key: Key) -> None:
        super().__init__(DEFAULT.payload)
        self._sign = key.sign

    def sign(self) -> bytes:
        return self._sign(b"".join(self._pieces))


class _WholeVerifying(_Whole):
    def __init__(self, key: Key, limits: Limits) -> None:
        super().__init__(limits.payload)
        self._verify = key.verify

    def verify(self, signature: bytes) -> None:
        self._verify(b"".join(self._pieces), signature)


# ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────


class _opened:  # noqa: N801 - used as a function
    """Open a file by name, or use one that is open; close only what was opened here."""

    def __init__(self, source: Source) -> None:
        self._own = isinstance(source, (str, os.PathLike))
        self._file: BinaryIO = Path(source).open("rb") if isinstance(source, (str, os.PathLike)) else source  # noqa: SIM115

    def __enter__(self) -> BinaryIO:
        return self._file

    def __exit__(self, *_: object) -> None:
        if self._own:
            self._file.close()


class _reading(_opened):  # noqa: N801 - used as a function
    """Read a file in pieces that are full but for the last, so that each can be encoded by itself."""

    def __enter__(self) -> Iterator[bytes]:  # type: ignore[override]
        return self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        while True:
            piece = self._file.read(_PIECE)
            while piece and len(piece) < _PIECE:  # a pipe may give less than was asked
                more = self._file.read(_PIECE - len(piece))
                if not more:
                    break
                piece += more
            if not piece:
                return
            yield piece


class _Spool:
    """A file that gets its name at the end, if all went well, and leaves nothing behind if it did not."""

    def __init__(self, output: Source) -> None:
        self._name = Path(output) if isinstance(output, (str, os.PathLike)) else None
        self._target = None if isinstance(output, (str, os.PathLike)) else output
        folder = None if self._name is None else self._name.parent
        self._file = tempfile.NamedTemporaryFile(dir=folder, delete=self._name is None)  # noqa: SIM115 - mode 0600

    def __enter__(self) -> BinaryIO:
        return self._file  # type: ignore[return-value]

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._release()
        finally:
            self._file.close()
            if self._name is not None:
                Path(self._file.name).unlink(missing_ok=True)

    def _release(self) -> None:
        self._file.flush()
        if self._name is not None:
            os.fsync(self._file.fileno())
            Path(self._file.name).replace(self._name)
            return
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            self._target.write(piece)  # type: ignore[union-attr]


def _counted(pieces: Iterator[bytes], progress: Progress | None) -> Iterator[bytes]:
    read = 0
    for piece in pieces:
        yield piece
        read += len(piece)
        if progress is not None:
            progress(read)
