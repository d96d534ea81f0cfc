"""A receipt: a signed statement of what was signed, for whom, under which rule, and where the log says so.

It is made from the committed line and from nothing else, so any line can be receipted again; it is not stored. It names
that line's own hash, so that a chain from which the line was taken, or in which it was changed, contradicts it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from undersign.audit.chain import Line
from undersign.encoding import encode_flat, to_utf8
from undersign.errors import ChainError
from undersign.jwk import Key
from undersign.jws import CompactSigner, Signer

__all__ = ["TYPE", "Receipts"]

TYPE: Final = "undersign-receipt+jwt"
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
            compiled = self._compiled = (signer, CompactSigner(signer, header={"typ": TYPE}))
        return compiled[1].sign(to_utf8(encode_flat(self._claims(line))))

    def _claims(self, line: Line) -> dict[str, Any]:
        record = json.loads(line.body)  # octets of our own, whose hash the line has
        if record.get("event") != "sign" or record.get("outcome") != "done":
            raise ChainError("Only the record of a signature that was made can be receipted.", seq=line.seq)
        detail: Mapping[str, Any] = record.get("detail", {})
        claims: dict[str, Any] = {"iss": self._issuer, "iat": line.time, "jti": record["request_id"]}
        for name in _COPIED:
            if name in record:
                claims[name] = record[name]
        for name in _DETAILS:
            if name in detail:
                claims[name] = detail[name]
        claims["log"] = {"chain": record["chain"], "seq": line.seq, "hash": line.hash}
        return claims
