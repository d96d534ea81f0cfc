"""The corpus of ../shared/vectors: what a case is, and what each kind of case asks of the library."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_decode
from undersign.errors import UndersignError
from undersign.jwk import Key
from undersign.jws.compact import CompactVerifier
from undersign.jws.compact import verify as verify_compact

Case = Mapping[str, Any]

FILES = (
    "rfc",
    "hostile",
    "seeds",
    "mldsa",
    "peer_jwks",
    "peer_pem",
    "peer_tokens",
    "wycheproof_crypto",
    "wycheproof_jwk",
    "wycheproof_jws",
    "wycheproof_raw",
    "wycheproof_sign",
)

NOT_HERE = {
    **dict.fromkeys(("jwe-decrypt", "raw-aead-decrypt", "raw-key-unwrap", "raw-rsa-decrypt"), "JWE is a later issue"),
    **dict.fromkeys(("ecdh-derive", "ecdh-es-derive"), "key agreement is JWE's"),
    "dpop-verify": "run by test_dpop.py",
    "sd-jwt": "SD-JWT is a later issue",
}
"""Kinds of the corpus that are run elsewhere, or that this library does not have yet."""

HEDGED = "ML-DSA"
"""`cryptography` hedges ML-DSA, so a signature with rnd = 0 cannot be made; that it verifies is tested instead."""


class Verdict(NamedTuple):
    """What the library said to one case."""

    word: str
    """``accepted``, ``refused``, or the name of an exception that is not an UndersignError."""
    seconds: float
    """Thread CPU time."""
    wrong: str
    """What came out that should not have, for a case that was accepted."""
    code: str
    """The error's code, for a case that was refused."""


def cases(folder: Path, file: str) -> Iterator[Case]:
    """Read one file, line by line."""
    with (folder / f"{file}.jsonl").open(encoding="ascii") as lines:
        for line in lines:
            yield json.loads(line)


def judge(case: Case) -> Verdict:
    """Do what the case's kind says, and look at what comes out."""
    do = KINDS[case["kind"]]
    started = time.thread_time()
    try:
        wrong = do(case)
    except UndersignError as error:
        return Verdict("refused", time.thread_time() - started, "", error.code)
    except Exception as error:  # noqa: BLE001 - that is what the corpus looks for
        return Verdict(f"{type(error).__name__}: {str(error)[:120]}", time.thread_time() - started, "", "")
    return Verdict("accepted", time.thread_time() - started, wrong, "")


def is_deterministic(case: Case) -> bool:
    """Tell whether the case's signature can be made again octet for octet."""
    alg = case.get("alg") or case["options"].get("alg") or ""
    return not (case["kind"].endswith("sign-deterministic") and alg.startswith(HEDGED))


# ── keys ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _verifying(case: Case) -> Any:
    """Load the case's key as a caller would who wants to verify with it."""
    key, algorithms = case["key"], case["options"]["algorithms"]
    if key is None:
        return jwks.KeySet()
    if "keys" in key:
        return jwks.KeySet([_public(each) for each in jwks.KeySet.load(key)])
    if "text" in key:
        return _public(jwk.load(key["text"]))
    if "raw" in key:
        return jwk.secret(b64url_decode(key["raw"]), alg=algorithms[0])
    return _public(jwk.load(key))


def _public(key: Key) -> Key:
    return key if key.kty == "oct" else key.public()


def _bound(case: Case, alg: str) -> Key:
    key = jwk.load(case["key"])
    return key if key.alg == alg else key.bound(alg)


# ── kinds ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _octets(case: Case, found: bytes) -> str:
    expected = case.get("payload")
    return "" if expected is None or found == b64url_decode(expected) else f"payload {found[:40]!r}"


def _verify_jws(case: Case) -> str:
    options = case["options"]
    keys = _verifying(case)
    detached = None if "detached_payload" not in options else b64url_decode(options["detached_payload"])
    if options["input_type"] in {"json", "jsontext"}:
        policy = {"any": jws.any_of, "all": jws.all_of}.get(options.get("policy", ""), lambda: None)()
        verified = jws.verify(case["input"], keys, algorithms=options["algorithms"], payload=detached, policy=policy)
    else:
        verifier = CompactVerifier(keys, algorithms=options["algorithms"])
        verified = verify_compact(case["input"], verifier, detached)
    return _octets(case, verified.payload)


def _verify_jwt(case: Case) -> str:
    options = case["options"]
    required = dict.fromkeys(options.get("required", ()), ...)
    if "subject" in options:
        required["sub"] = options["subject"]
    given = {"iss": options.get("issuer"), "aud": options.get("audience"), "typ": options.get("typ")}
    waive = [name for name, value in given.items() if value is None]
    verified = jwt.verify(
        case["input"],
        _verifying(case),
        issuer=given["iss"],
        audience=given["aud"],
        typ=given["typ"],
        algorithms=options["algorithms"],
        require=required,
        waive=waive if "exp" in required else [*waive, "exp"],
        leeway=options.get("leeway", 0),
        now=options.get("now"),
    )
    expected = case.get("payload")
    same = expected is None or verified.claims == json.loads(b64url_decode(expected))
    return "" if same else "other claims"


def _sign_jws(case: Case) -> str:
    key = _bound(case, case["options"]["alg"]).deterministic()
    output = case["output"]
    if isinstance(output, str):
        protected, _, signature = output.split(".")
    else:
        entry = output["signatures"][0] if "signatures" in output else output
        protected, signature = entry.get("protected", ""), entry["signature"]
    protected = case["input"]["protected_b64"] or protected
    payload = case["input"]["payload_b64"].encode()
    encoded = not protected or json.loads(b64url_decode(protected)).get("b64", True)
    made = key.sign(protected.encode() + b"." + (payload if encoded else b64url_decode(payload)))
    return "" if made == b64url_decode(signature) else "another signature"


def _verify_raw(case: Case) -> str:
    _bound(case, case["alg"]).verify(bytes.fromhex(case["msg_hex"]), bytes.fromhex(case["sig_hex"]))
    return ""


def _sign_raw(case: Case) -> str:
    signature = _bound(case, case["alg"]).deterministic().sign(bytes.fromhex(case["msg_hex"]))
    return "" if signature.hex() == case["output_hex"] else "another signature"


def _import_jwk(case: Case) -> str:
    return _unlike(case, jwk.load(case["input"]))


def _import_pem(case: Case) -> str:
    return _unlike(case, jwk.load(case["input"]))


def _unlike(case: Case, key: Key) -> str:
    expected = case.get("output") or {}
    private = case["options"].get("private")
    wrong = [] if private is None or private == (key.is_private) else [f"is_private is {key.is_private}"]
    if "thumbprint_sha256" in expected:
        found = key.thumbprint(secret=True)
        wrong += [] if found == expected["thumbprint_sha256"] else [f"thumbprint {found}"]
    if "public_jwk" in expected:
        found_jwk = key.to_jwk()
        wrong += [name for name, value in expected["public_jwk"].items() if found_jwk.get(name) != value]
    if "pub" in expected:
        wrong += [] if key.to_jwk()["pub"] == expected["pub"] else ["pub"]
    return ", ".join(wrong)


def _import_jwks(case: Case) -> str:
    found = jwks.KeySet.load(case["input"])
    asked = len(case["input"]["keys"])
    return "" if len(found) == asked else f"{len(found)} of {asked} keys: {found.skipped}"


def _thumbprint(case: Case) -> str:
    found = jwk.load(case["input"]).thumbprint(case["options"].get("hash", "sha256"), secret=True)
    return "" if found == case["output"] else f"thumbprint {found}"


KINDS: Mapping[str, Callable[[Case], str]] = {
    "jws-verify": _verify_jws,
    "jwt-verify": _verify_jwt,
    "jws-sign-deterministic": _sign_jws,
    "raw-verify": _verify_raw,
    "raw-sign-deterministic": _sign_raw,
    "jwk-import": _import_jwk,
    "jwkset-import": _import_jwks,
    "pem-import": _import_pem,
    "jwk-thumbprint": _thumbprint,
}
"""What is done for each kind of case that this library has; the answer is what came out wrong."""
