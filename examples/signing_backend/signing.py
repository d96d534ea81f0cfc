"""The signing server, seen from its caller; what comes back is verified offline, by keys that were known before."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from undersign import jws
from undersign.audit.verify import ChainReport, verify_lines
from undersign.encoding import parse_object
from undersign.errors import IncorrectClaimError
from undersign.jwks import KeySet

from .authorization import RefusedError, Token
from .settings import Settings
from .wire import Answer, Journal, exchange

__all__ = ["Signed", "SigningServer"]

RECEIPT = "undersign-receipt+jwt"
_OK = 200


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed document and its receipt, both verified."""

    result: str = field(repr=False)
    receipt: str = field(repr=False)
    detached: bool
    header: Mapping[str, Any]
    log: Mapping[str, Any]


class SigningServer:
    """Has documents signed, and believes nothing that does not verify."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        base = settings.signing_server
        self._keys = KeySet.load(exchange("GET", f"{base}/v1/workers/{settings.worker}/jwks.json").body)
        self._receipt_keys = KeySet.load(exchange("GET", f"{base}/v1/receipts/jwks.json").body)
        self._receipts: list[str] = []

    def sign(self, document: bytes, media_type: str, token: Token) -> Signed:
        """Have a document signed, and verify what comes back.

        Raises:
            RefusedError: The server refused.
            UndersignError: What came back is not what was asked for.
        """
        size = f"{len(document):,}".replace(",", " ")
        self._tell(
            "9",
            "backend",
            "signing server",
            f"POST /v1/workers/{self._settings.worker}/sign  the token and {size} octets",
        )
        answer = self.send(document, media_type, token.value)
        if answer.status != _OK:
            raise RefusedError("the signing server", answer)
        found = answer.json()
        form = "detached JWS" if found["detached"] else "compact JWS"
        self._tell("10", "signing server", "backend", f"200  {form}, {len(found['result'])} characters, and a receipt")
        signed = self.verify(document, found["result"], found["receipt"], detached=found["detached"])
        self._receipts.append(signed.receipt)
        self._tell("10", "backend", "backend", _verified(signed))
        return signed

    def send(self, document: bytes, media_type: str, token: str | None, *, digest_of: bytes | None = None) -> Answer:
        """Send the request as it is; the digest says what was meant to be sent (RFC 9530)."""
        digest = b64encode(sha256(document if digest_of is None else digest_of).digest()).decode("ascii")
        headers = {"Content-Type": media_type, "Accept": "application/json", "Content-Digest": f"sha-256=:{digest}:"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self._settings.signing_server}/v1/workers/{self._settings.worker}/sign"
        return exchange("POST", url, body=document, headers=headers)

    def verify(self, document: bytes, result: str, receipt: str, *, detached: bool) -> Signed:
        """Verify a signed document and its receipt, offline.

        Raises:
            UndersignError: One of them is not what it says, or they are not about each other.
        """
        # 1. The signature over this document, by a key of the worker.
        signature = jws.verify(result, self._keys, payload=document if detached else None)
        # 2. A signature over another document is a good one too: it must be this document's.
        if signature.payload != document:
            raise IncorrectClaimError("payload", "What was signed is another document.")
        # 3. The receipt, by a key that signs receipts and nothing else, and of the type of a receipt.
        proof = jws.verify(receipt, self._receipt_keys)
        if proof.header.get("typ") != RECEIPT:
            raise IncorrectClaimError("typ", "This is no receipt.")
        # 4. It speaks of this document, this signature, and us.
        claims = parse_object(proof.payload)
        item = claims["items"][0]
        expected = (sha256(document).hexdigest(), sha256(result.encode("ascii")).hexdigest())
        if (item["hash"], item["sig_hash"]) != expected:
            raise IncorrectClaimError("items", "The receipt is another signature's.")
        caller = claims["caller"].get("client_id")  # a person has none
        if (claims["iss"], caller) != (self._settings.signing_server, self._settings.client_id):
            raise IncorrectClaimError("caller", "The receipt is another caller's.")
        return Signed(result, receipt, detached, signature.protected, claims["log"])

    def audit(self, token: Token) -> ChainReport:
        """Fetch the log and its head, and verify them against the root that the operator gave us, and our receipts.

        Raises:
            RefusedError: The server refused.
            UndersignError: The log does not hold together, or lacks what we have a receipt for.
        """
        base = self._settings.signing_server
        headers = {"Authorization": f"Bearer {token.value}"}
        head = exchange("GET", f"{base}/v1/audit/head", headers=headers)
        lines: list[bytes] = []
        while True:
            part = exchange("GET", f"{base}/v1/audit?after={len(lines)}", headers=headers)
            for answer in (head, part):
                if answer.status != _OK:
                    raise RefusedError("the signing server", answer)
            found = part.body.splitlines()
            if not found:
                break
            lines += found
        self._tell(
            "", "backend", "signing server", f"GET /v1/audit and /v1/audit/head  {len(lines)} lines, one signed head"
        )
        return verify_lines(
            lines,
            root=self._settings.audit_root,
            heads=[head.body.decode("ascii")],
            receipts=self._receipts,
            receipt_keys=self._receipt_keys,
        )

    def _tell(self, step: str, speaker: str, listener: str, what: str) -> None:
        self._journal({"step": step, "from": speaker, "to": listener, "what": what})


def _verified(signed: Signed) -> str:
    claims = ", ".join(f"{name}={value}" for name, value in signed.header.items() if name not in {"alg", "kid"})
    return f"verified offline: {signed.header['alg']}, {claims}; receipt for line {signed.log['seq']} of the log"
