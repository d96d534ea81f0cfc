"""A receipt: a signed statement of what was signed, for whom, under which rule, and where the log says so.

It is made from the committed line and from nothing else, so any line can be receipted again; it is not stored. It names
that line's own hash, so that a chain from which the line was taken, or in which it was changed, contradicts it. What it
claims is said by one function, by which it is made here and held against its line by the verifier.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from undersign.encoding import encode_flat, to_utf8
from undersign.errors import ChainError
from undersign.jwk import Key
from undersign.jws import CompactSigner, Signer

from .chain import Line

__all__ = ["RECEIPT_TYP", "Receipts", "receipt_claims"]

RECEIPT_TYP: Final = "undersign-receipt+jwt"
_COPIED: Final = ("worker", "caller", "key", "items", "map")
_DETAILS: Final = ("format", "alg", "rule", "configuration")


class Receipts:
    """Receipts of one server; what signs them is compiled once for each version of the key."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._compiled: tuple[Key | Signer, CompactSigner] | None = None

    def issue(self, line: Line, signer: Key | Signer) -> str:
        """Sign the receipt of one committed signature.

        Raises:
            ChainError: The line is not the record of a signature that was made.
        """
        compiled = self._compiled
        if compiled is None or compiled[0] is not signer:
            compiled = self._compiled = (signer, CompactSigner(signer, header={"typ": RECEIPT_TYP}))
        record = json.loads(line.body)  # octets of our own, whose hash the line has
        return compiled[1].sign(to_utf8(encode_flat(receipt_claims(record, line, self._issuer))))


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
    detail = record.get("detail")
    claims: dict[str, Any] = {"iss": issuer, "iat": line.time, "jti": record.get("request_id", "")}
    for name in _COPIED:
        if name in record:
            claims[name] = record[name]
    if isinstance(detail, dict):
        for name in _DETAILS:
            if name in detail:
                claims[name] = detail[name]
    claims["log"] = {"chain": record["chain"], "seq": line.seq, "hash": line.hash}
    return claims
