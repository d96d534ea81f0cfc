"""A receipt: a signed statement of what was signed, for whom, under which rule, and where the log says so.

It is made from the committed line and from nothing else, so any line can be receipted again; it is not stored. It names
that line's own hash, so that a chain from which the line was taken, or in which it was changed, contradicts it. What it
claims of a line is in ``audit``, where the verifier holds it against the line again.
"""

from __future__ import annotations

from typing import Any

from undersign import jws
from undersign.audit.chain import Line
from undersign.audit.receipt import RECEIPT_TYP, receipt_claims
from undersign.cryptotoken.token import TokenSigner
from undersign.encoding import dump_json
from undersign.errors import ChainError

__all__ = ["issue"]


def issue(line: Line, *, issuer: str, signer: TokenSigner) -> str:
    """Sign the receipt of one committed signature.

    Raises:
        ChainError: The line is not the record of a signature that was made.
    """
    return _compact(receipt_claims(line, issuer), signer)


def _compact(claims: dict[str, Any], signer: TokenSigner) -> str:
    made = jws.sign(dump_json(claims), signer, header={"typ": RECEIPT_TYP})
    if not isinstance(made, str):
        raise ChainError("A receipt is a compact JWS.")
    return made
