"""What a receipt says of the line of a signature: by this it is made, and by this it is held against its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from undersign.errors import ChainError

from .chain import Line

__all__ = ["RECEIPT_TYP", "receipt_claims"]

RECEIPT_TYP: Final = "undersign-receipt+jwt"
_COPIED: Final = ("worker", "caller", "key", "items", "map")
_DETAILS: Final = ("format", "alg", "rule", "configuration")


def receipt_claims(record: Mapping[str, Any], line: Line, issuer: str) -> dict[str, Any]:
    """Say what the receipt of one committed signature claims.

    Args:
        record: The members of the line.
        line: Its number, hash and time.
        issuer: Who signs the receipt.

    Raises:
        ChainError: The line is not the record of a signature that was made.
    """
    if record.get("event") != "sign" or record.get("outcome") != "done":
        raise ChainError("Only the record of a signature that was made can be receipted.", seq=line.seq)
    detail = record.get("detail", {})
    claims: dict[str, Any] = {"iss": issuer, "iat": line.time, "jti": record.get("request_id", "")}
    for name in _COPIED:
        if name in record:
            claims[name] = record[name]
    for name in _DETAILS:
        if name in detail:
            claims[name] = detail[name]
    claims["log"] = {"chain": record["chain"], "seq": line.seq, "hash": line.hash}
    return claims
