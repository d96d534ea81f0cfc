"""Two parties approve one order, each with a key of its own, at another place and time (RFC 7515 section 7.2)."""

from __future__ import annotations

import json

from undersign import jwk, jws
from undersign.errors import UnmetPolicyError

finance, legal = jwk.generate("ES256"), jwk.generate("ML-DSA-65")
parties = [finance.public(), legal.public()]


def main() -> None:
    """Finance signs, then legal, then the order holds; with one signature taken away it does not."""
    order = json.dumps({"order": 42, "amount": 100}).encode()

    at_finance = jws.sign(order, jws.By(finance, header={"department": "finance"}), serialization="flattened")
    sent_on = json.dumps(at_finance)

    at_legal = jws.add_signature(json.loads(sent_on), jws.By(legal, header={"department": "legal"}))
    approved = json.dumps(at_legal)

    verified = jws.verify(approved, parties, policy=jws.all_of())
    for signature in verified.signatures:
        print(signature.unprotected["department"], "signed with", signature.protected["alg"], signature.verified)

    stripped = {**at_legal, "signatures": at_legal["signatures"][:1]}
    try:
        jws.verify(json.dumps(stripped), parties, policy=jws.all_of())
    except UnmetPolicyError as error:
        print("one signature taken away:", error.code)


if __name__ == "__main__":
    main()
