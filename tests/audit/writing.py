"""A chain as a server writes it, without the server."""

import json

from undersign import jwk, jws
from undersign.audit.chain import GENESIS, Epoch, Head, Line, link
from undersign.audit.receipt import receipt_claims
from undersign.audit.record import Caller, Entry, Item, KeyRef, Position
from undersign.audit.verify import verify_lines
from undersign.encoding import dump_json
from undersign.jwks import KeySet

NOW = 1_800_000_000
ROOT = jwk.generate("Ed25519")
FINGERPRINT = ROOT.thumbprint()
RECEIPT = jwk.generate("Ed25519")
RECEIPT_KEYS = KeySet([RECEIPT.public()])


class Chain:
    """A chain as a server writes it, without the server."""

    def __init__(self, root=ROOT, *, chain_id="c1", now=NOW):
        self.root, self.id, self.now, self.lines = root, chain_id, now, []
        detail = (("root", root.thumbprint()), ("jwk", json.dumps(root.public().to_jwk())))
        self.add(Entry("chain_opened", "ok", detail=detail))
        self.epoch = Epoch.open(chain_id, root, now=now)
        self.add(self.epoch.entry())

    def add(self, entry):
        previous = link(self.id, self.lines[-1]) if self.lines else GENESIS
        self.lines.append(entry.to_json(Position(self.id, len(self.lines) + 1, self.now, "n1", previous)))

    def sign(self, number):
        self.add(Entry("sign", "intent", request_id=f"r{number}", caller=Caller("https://as.example", "ana")))
        items = (Item("S256", "aa", f"5{number}"),)
        self.add(Entry("sign", "done", request_id=f"r{number}", key=KeyRef("k", "kid", 1), items=items))

    def head(self, *, epoch=None, time=None, **changes):
        facts = {
            "chain": self.id,
            "seq": len(self.lines),
            "hash": link(self.id, self.lines[-1]),
            "time": time or self.now,
        }
        return (epoch or self.epoch).sign(Head(**(facts | changes)))

    def receipt(self, seq, **changes):
        body = self.lines[seq - 1]
        record = json.loads(body)
        line = Line(seq, body, link(self.id, body), record["time"])
        claims = receipt_claims(record, line, "https://sign.example")
        claims["log"] |= changes.pop("log", {})
        claims |= changes
        return jws.sign(dump_json(claims), RECEIPT, header={"typ": "undersign-receipt+jwt"})


def verify(chain, **more):
    return verify_lines(chain.lines, root=FINGERPRINT, **more)


def edited(chain, seq, old, new):
    line = chain.lines[seq - 1]
    assert old in line
    chain.lines[seq - 1] = line.replace(old, new)
