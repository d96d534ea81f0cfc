"""A receipt: a signed statement of what was signed, for whom, under which rule, and where the log says so.

It is made from the committed line and from nothing else, so any line can be receipted again; it is not stored. It names
that line's own hash, so that a chain from which the line was taken, or in which it was changed, contradicts it. What it
claims of a line is in ``audit``, where the verifier holds it against the line again.
"""

from __future__ import annotations

import json

from undersign.audit.chain import Line
from undersign.audit.receipt import RECEIPT_TYP, receipt_claims
from undersign.encoding import encode_flat, to_utf8
from undersign.jwk import Key
from undersign.jws import CompactSigner, Signer

__all__ = ["Receipts"]


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
