"""Each example is a program that runs and says what it should."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "webhook": [
        "as it was sent: 200 {'received': 'order.created'}",
        "changed on its way: 401 {'error': 'invalid_signature'}",
        "without a signature: 401 {'error': 'malformed_token'}",
    ],
    "api_request": [
        "accepted from reports",
        "replayed: refused, replayed",
        "another body: refused, incorrect_claim",
        "another address: refused, incorrect_claim",
    ],
    "two_party_approval": [
        "finance signed with ES256 True",
        "legal signed with ML-DSA-65 True",
        "one signature taken away: unmet_policy",
    ],
    "external_signer": [
        "two steps: a document",
        "a wrong signature is not released: invalid_signature",
        "as a signer: ana",
    ],
    "large_file": ["verified: ES256", "one octet changed: invalid_signature"],
    "client_assertion": [
        "proven: reports to https://as.example as client-authentication+jwt",
        "at another server: incorrect_claim",
    ],
    "google_id_token": [
        "logged in: 10769150350006150715113082367 ana@example.com",
        "for another client: incorrect_claim aud",
        "of another login: incorrect_claim nonce",
        "with another access token: incorrect_claim at_hash",
        "by another key: invalid_signature",
        "asked of the provider: accounts.example/.well-known/openid-configuration keys.example/oauth2/v3/certs",
    ],
}


@pytest.mark.parametrize("name", sorted(SAID))
def test_example(name: str) -> None:
    """An example exits with 0, warns of nothing, and prints what its reader should see."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py")],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (ran.returncode, ran.stderr) == (0, "")
    for line in SAID[name]:
        assert line in ran.stdout.splitlines()
