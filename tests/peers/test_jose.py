"""npm's jose verifies what we sign, and we verify what it signs, for every algorithm both sides have."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.properties.strategies import half_of, key_of
from undersign import jwk, jws, jwt

HERE = Path(__file__).resolve().parent / "node"
NODE = shutil.which("node")

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(NODE is None, reason="npm's jose: there is no node; apt-get install -y nodejs npm"),
    pytest.mark.skipif(not (HERE / "node_modules" / "jose").exists(), reason="npm's jose is not installed: make peers"),
]
ALGS = (
    *("HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)
"""jose has no ES256K and no Ed448; ML-DSA needs a node whose WebCrypto has it, 24.7 or newer."""
LATTICES = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
CLAIMS = {"sub": "ana", "n": 1, "deep": {"a": [True, None, "\u00e9"]}}


def ask(jobs: list[dict[str, Any]]) -> list[Any]:
    """Have jose do the jobs; an error of any of them fails the test."""
    assert NODE is not None
    done = subprocess.run(
        [NODE, "peer.mjs"], cwd=HERE, input=json.dumps(jobs), capture_output=True, text=True, timeout=60, check=True
    )
    answers = json.loads(done.stdout)
    assert [answer for answer in answers if "error" in answer] == []
    return [answer["result"] for answer in answers]


def members(alg: str, *, private: bool) -> dict[str, Any]:
    """The key as jose imports it; what signs is a secret too."""
    key = key_of(alg)
    return key.to_jwk(private=private or key.kty == "oct")


def test_jose_verifies_ours() -> None:
    """Compact, flattened, general, unencoded and JWT of ours verify in jose under our exported public keys."""
    jobs: list[dict[str, Any]] = []
    expected: list[Any] = []
    for alg in ALGS:
        key, public = key_of(alg), members(alg, private=False)
        common = {"alg": alg, "jwk": public}
        jobs.append({**common, "do": "verify", "token": jws.sign(b"content", key)})
        jobs.append({**common, "do": "verify-flattened", "token": jws.sign(b"content", key, serialization="flattened")})
        jobs.append({**common, "do": "verify-general", "token": jws.sign(b"content", key, serialization="general")})
        unencoded = jws.sign(b"content", key, serialization="flattened", b64=False)
        jobs.append({**common, "do": "verify-flattened", "token": unencoded})
        token = jwt.sign(CLAIMS, key, issuer="i", audience="a")
        jobs.append({**common, "do": "verify-jwt", "token": token})
        expected += ["content"] * 4 + [jwt.verify(token, half_of(alg), issuer="i", audience="a").claims]
    assert ask(jobs) == expected


def test_we_verify_jose() -> None:
    """Compact, general, unencoded and JWT of jose verify here."""
    kinds = ("sign", "sign-general", "sign-unencoded", "sign-jwt")
    jobs = [
        {"do": do, "alg": alg, "jwk": members(alg, private=True), "payload": "content", "claims": CLAIMS}
        for alg in ALGS
        for do in kinds
    ]
    for job, token in zip(jobs, ask(jobs), strict=True):
        half = half_of(job["alg"])
        if job["do"] == "sign-jwt":
            assert jwt.verify(token, half, issuer="i", audience="a").claims["deep"] == CLAIMS["deep"]
        else:
            if job["do"] == "sign-unencoded":
                token["payload"] = "content"  # jose leaves it to the caller to put the payload back
            assert jws.verify(token, half).payload == b"content", job["do"]


def test_thumbprints_agree() -> None:
    """jose computes the thumbprint that we compute, for every key type it has."""
    keys = [jwk.generate(alg) for alg in ("ES256", "ES512", "Ed25519", *LATTICES)] + [key_of("RS256")]
    jobs = [{"do": "thumbprint", "alg": "ES256", "jwk": jwk.generate("ES256").to_jwk()} for _ in keys]
    for job, key in zip(jobs, keys, strict=True):
        job["jwk"] = key.to_jwk()
        job["alg"] = key.alg
    usable = [index for index, key in enumerate(keys) if key.kty != "AKP" or _has_lattices()]
    assert ask([jobs[index] for index in usable]) == [keys[index].thumbprint() for index in usable]


def _has_lattices() -> bool:
    assert NODE is not None
    code = (
        "crypto.subtle.generateKey('ML-DSA-44', true, ['sign']).then(() => console.log('yes'), () => console.log('no'))"
    )
    return subprocess.run([NODE, "-e", code], capture_output=True, text=True, timeout=60, check=True).stdout == "yes\n"


def test_ml_dsa_goes_both_ways() -> None:
    """ML-DSA tokens verify in both directions, where this node has the algorithm at all."""
    algs = LATTICES if _has_lattices() else ()
    signing = [{"do": "sign", "alg": alg, "jwk": members(alg, private=True), "payload": "content"} for alg in algs]
    for alg, token in zip(algs, ask(signing), strict=True):
        assert jws.verify(token, half_of(alg)).payload == b"content"
    verifying = [
        {"do": "verify", "alg": alg, "jwk": members(alg, private=False), "token": jws.sign(b"content", key_of(alg))}
        for alg in algs
    ]
    assert ask(verifying) == ["content"] * len(algs)
