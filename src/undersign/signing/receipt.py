"""A receipt: a signed statement of what was signed, for whom, under which rule, and where the log says so.

It is made from the committed line and from nothing else, so any line can be receipted again; it is not stored. It names
that line's own hash, so that a chain from which the line was taken, or in which it was changed, contradicts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from undersign import jws
from undersign.audit.chain import Line
from undersign.cryptotoken.token import TokenSigner
from undersign.encoding import dump_json, parse_object
from undersign.errors import ChainError

__all__ = ["TYPE", "issue"]

TYPE: Final = "undersign-receipt+jwt"
_COPIED: Final = ("worker", "caller", "key", "items", "map")
_DETAILS: Final = ("format", "alg", "rule", "configuration")


def issue(line: Line, *, issuer: str, signer: TokenSigner) -> str:
    """Sign the receipt of one committed signature.

    Raises:
        ChainError: The line is not the record of a signature that was made.
    """
    return _compact(_claims(line, issuer), signer)


def _claims(line: Line, issuer: str) -> dict[str, Any]:
    record = parse_object(line.body)
    if record.get("event") != "sign" or record.get("outcome") != "done":
        raise ChainError("Only the record of a signature that was made can be receipted.", seq=line.seq)
    detail: Mapping[str, Any] = record.get("detail", {})
    claims: dict[str, Any] = {"iss": issuer, "iat": line.time, "jti": record["request_id"]}
    claims |= {name: record[name] for name in _COPIED if name in record}
    claims |= {name: detail[name] for name in _DETAILS if name in detail}
    claims["log"] = {"chain": record["chain"], "seq": line.seq, "hash": line.hash}
    return claims


def _compact(claims: dict[str, Any], signer: TokenSigner) -> str:
    made = jws.sign(dump_json(claims), signer, header={"typ": TYPE})
    if not isinstance(made, str):
        raise ChainError("A receipt is a compact JWS.")
    return made
