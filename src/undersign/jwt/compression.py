"""DEFLATE in a JWT as JJWT writes it: a quirk of that library, in no standard, off unless named.

JJWT up to 0.6 names it ``calg: DEF``, later ones ``zip: DEF``. Up to 0.10 it writes a zlib stream (RFC 1950) that ends
in a sync flush, without a final block and without a checksum; later ones write it complete. The signature covers the
compressed octets, so nothing is inflated before it has verified, and never more than a cap.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

from ..errors import InvalidHeaderError, LimitError, MalformedTokenError, quoted

__all__ = ["ALGORITHM", "deflate", "inflate", "is_compressed"]

ALGORITHM: Final = "DEF"
_NAMES: Final = ("calg", "zip")
_SYNC_FLUSHED: Final = b"\x00\x00\xff\xff"


def is_compressed(header: Mapping[str, Any]) -> bool:
    """Tell whether a header says that the payload is compressed.

    Raises:
        InvalidHeaderError: It says so twice, or by an algorithm other than DEFLATE.
    """
    said = [name for name in _NAMES if name in header]
    if len(said) > 1:
        raise InvalidHeaderError("The header has both 'calg' and 'zip'.")
    if said and header[said[0]] != ALGORITHM:
        raise InvalidHeaderError(f"The header's {said[0]!r} is {quoted(header[said[0]])}; only 'DEF' is known.")
    return bool(said)


def deflate(octets: bytes) -> bytes:
    """Compress as JJWT up to 0.10 does: zlib, level 9, ended by a sync flush."""
    stream = zlib.compressobj(9)
    return stream.compress(octets) + stream.flush(zlib.Z_SYNC_FLUSH)


def inflate(octets: bytes, cap: int) -> bytes:
    """Inflate what JJWT compressed, whole or sync-flushed, to at most ``cap`` octets.

    Raises:
        LimitError: It would be longer.
        MalformedTokenError: It is not such a stream, is cut off, or has octets behind its end.
    """
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(octets, cap + 1)
    except zlib.error:
        raise MalformedTokenError("The compressed payload is not the zlib stream that JJWT writes.") from None
    if len(inflated) > cap or stream.unconsumed_tail:
        raise LimitError(f"The payload inflates to more than {cap} octets.")
    if stream.unused_data or not (stream.eof or octets.endswith(_SYNC_FLUSHED)):
        raise MalformedTokenError("The compressed payload is cut off, or has octets behind its end.")
    return inflated
