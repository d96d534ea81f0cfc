"""What a receipt says of the line of a signature: by this it is made, and by this it is held against its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from undersign.encoding import parse_object
from undersign.errors import ChainError

from .chain import Line

__all__ = ["RECEIPT_TYP", "receipt_claims"]

RECEIPT_TYP: Final = "undersign-receipt+jwt"
_COPIED: Final = ("worker", "caller", "key", "items", "map")
_DETAILS: Final = ("format", "alg", "rule", "configuration")


def receipt_claims(line: Line, issuer: str) -> dict[str, Any]:
    """Say what the receipt of one committed signature claims.

    Raises:
        ChainError: The line is not the record of a signature that was made.
    """
    record = parse_object(line.body)
    if record.get("event") != "sign" or record.get("outcome") != "done":
        raise ChainError("Only the record of a signature that was made can be receipted.", seq=line.seq)
    given = record.get("detail", {})
    detail: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
    claims: dict[str, Any] = {"iss": issuer, "iat": line.time, "jti": record.get("request_id", "")}
    claims |= {name: record[name] for name in _COPIED if name in record}
    claims |= {name: detail[name] for name in _DETAILS if name in detail}
    claims["log"] = {"chain": record["chain"], "seq": line.seq, "hash": line.hash}
    return claims
