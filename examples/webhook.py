"""A signed webhook: the body travels untouched, the signature beside it in a header (RFC 7515 appendix F, RFC 7797)."""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer

from undersign import jwk, jwks, jws
from undersign.errors import UndersignError

HEADER = "Webhook-Signature"
MOST = 64 * 1024

sender = jwk.generate("Ed25519")
known_senders = jwks.KeySet([sender.public()])


class Receiver(BaseHTTPRequestHandler):
    """Believes nothing that the sender has not signed, and reads the body only after that."""

    def do_POST(self) -> None:
        """Verify the octets as they came, then parse them."""
        body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), MOST))
        try:
            jws.verify(self.headers.get(HEADER, ""), known_senders, payload=body)
        except UndersignError as error:
            self.answer(401, {"error": error.code})
            return
        self.answer(200, {"received": json.loads(body)["event"]})

    def answer(self, status: int, content: dict[str, str]) -> None:
        """Send JSON."""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def send(port: int, body: bytes, signature: str) -> tuple[int, dict[str, str]]:
    """Post a body with its signature."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("POST", "/", body, {HEADER: signature})
    response = connection.getresponse()
    answer = response.status, json.loads(response.read())
    connection.close()
    return answer


def main() -> None:
    """Send one event as it is, and one that was changed on its way."""
    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    body = json.dumps({"event": "order.created", "id": "ord_42"}).encode()
    signature = jws.sign(body, sender, detached=True, b64=False)

    print("as it was sent:", *send(server.server_port, body, signature))
    print("changed on its way:", *send(server.server_port, body.replace(b"42", b"43"), signature))
    print("without a signature:", *send(server.server_port, body, ""))
    server.shutdown()
    server.server_close()


if __name__ == "__main__":
    main()
