"""A token that was peeked at: parsed once, and verified as wholly as its text (RFC 7519 section 7.2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from undersign import jwk, jws, jwt
from undersign.encoding import b64url_encode, dump_json
from undersign.errors import InvalidSignatureError, LimitError, UndersignError
from undersign.jws.compact import CompactVerifier
from undersign.jwt.profiles import access_token, client_assertion, csrf, dpop, id_token, logout_token
from undersign.jwt.unverified import Unverified, peek
from undersign.limits import DEFAULT, Limits

NOW = 1_800_000_000
KEY = jwk.generate("ES256")
AS, API = "https://as.example", "https://api.example"
NAMES: dict[str, Any] = {"issuer": AS, "audience": API}


def clock() -> float:
    """NOW, always."""
    return NOW


def mint(claims: dict[str, Any] | None = None, key: Any = KEY, **options: Any) -> str:
    """Mint a token at NOW."""
    return jwt.Signer(key, **{**NAMES, "clock": clock, **options}).sign(claims or {"sub": "ana"})


def verifier(**options: Any) -> jwt.Verifier:
    """A verifier at NOW that has seen no token."""
    return jwt.Verifier(KEY.public(), **{**NAMES, "clock": clock, **options})


def test_what_was_peeked_at_is_parsed_once() -> None:
    """Header and claims of the evidence are the very objects that peek parsed, whether the header is known or new."""
    seen, judge = peek(mint()), verifier()
    first, second = judge.verify(seen), asyncio.run(judge.averify(seen))
    assert first.claims is second.claims is seen.claims
    assert first.header is second.header is seen.header
    assert first.checks == judge.verify(mint()).checks
    assert first.key.thumbprint() == KEY.thumbprint()
    text = mint().encode()
    assert jwt.verify(peek(text), KEY.public(), now=NOW, **NAMES).claims == seen.claims
    assert jws.verify(peek(text), KEY.public()).payload == dump_json(dict(seen.claims))  # type: ignore[arg-type]


def test_peeking_proves_nothing() -> None:
    """What was peeked at is refused where its text is, by the same error, and gives no claims before its signature."""
    stranger, good = jwk.generate("ES256", kid=KEY.kid), mint()
    header = {"alg": "ES256", "typ": "JWT", "kid": KEY.kid}
    whole = {"iss": AS, "aud": API, "exp": NOW + 60}

    def signed(header: dict[str, Any], payload: bytes = dump_json(whole)) -> str:
        text = f"{b64url_encode(dump_json(header))}.{b64url_encode(payload)}"
        return f"{text}.{b64url_encode(KEY.sign(text.encode()))}"

    assert verifier().verify(peek(signed(header)))
    refused = [
        mint(key=stranger),
        good[:-8] + "AAAAAAAA",
        good[:-3] + "===",
        good[:-1],
        mint({"exp": NOW}),
        mint({"nbf": NOW + 1}),
        mint({"iat": NOW + 1}),
        mint(issuer="https://evil.example"),
        mint(audience="https://else.example"),
        mint(typ="at+jwt"),
        mint(lifetime=None),
        mint({"sub": "ana", "roles": 5}, header={"x": 1, "crit": ["x"]}),
        signed({**header, "crit": []}),
        signed({**header, "alg": "HS256"}),
        signed({**header, "alg": "none"}),
        signed({**header, "typ": 5}),
        signed({"typ": "JWT"}),
        signed(header, dump_json({**whole, "iss": None})),
        signed(header, dump_json({**whole, "exp": "1"})),
    ]
    for judge in (verifier(), verifier(quirks=("padding",)), verifier(quirks=("jjwt-calg",))):
        for known in (False, True):
            for text in refused:
                with pytest.raises(UndersignError) as by_text:
                    judge.verify(text)
                with pytest.raises(UndersignError) as by_peek:
                    judge.verify(peek(text))
                assert repr(by_peek.value) == repr(by_text.value)
                assert type(by_peek.value) is type(by_text.value)
            if not known:
                judge.verify(good)


def test_other_limits_are_the_verifiers_own() -> None:
    """What was parsed under other limits is parsed again, and refused where this verifier's would refuse the text."""
    token = mint({"sub": "ana", "deep": [[[1]]]}, header={"x": [[[1]]]})
    flat = mint({"sub": "ana", "deep": [[[1]]]})
    strict = [
        Limits(depth=3),
        Limits(members=5),
        Limits(header=20),
        Limits(jwt=len(flat) - 1),
        Limits(token=10, jwt=10),
    ]
    for limits in strict:
        for text in (token, flat):
            with pytest.raises(LimitError):
                verifier(limits=limits).verify(peek(text, DEFAULT))
    equal = Limits()
    assert verifier(limits=equal).verify(peek(token, equal)).claims["deep"] == [[[1]]]
    seen = peek(token)
    verified = verifier(limits=equal).verify(seen)
    assert verified.claims == seen.claims
    assert verified.claims is not seen.claims
    assert verified.header is not seen.header
    cap = CompactVerifier(KEY.public(), limits=DEFAULT, cap=len(flat) - 1)
    with pytest.raises(LimitError):
        cap.open(peek(flat))


def test_another_way_of_reading_the_payload_is_the_verifiers_own() -> None:
    """A codec or an inflated payload is read by the verifier, from the octets that it verified."""
    pytest.importorskip("msgspec")
    seen = peek(mint())
    verified = verifier(codec="msgspec").verify(seen)
    assert verified.claims == seen.claims
    assert verified.claims is not seen.claims
    # A payload that is JSON as it stands, and says that it is compressed: what peek read is not what was signed for.
    lying = mint(header={"calg": "DEF"})
    assert verifier().verify(peek(lying))
    with pytest.raises(UndersignError) as caught:
        verifier(quirks=("jjwt-calg",)).verify(peek(lying))
    assert caught.value.code == "malformed_token"


def test_parsed_parts_serve_their_own_octets_only() -> None:
    """Other octets, even of a like token, get nothing from what peek parsed."""
    one, other = peek(mint()), peek(mint({"sub": "eve"}, header={"x": 1}))
    segments, others = one.octets.split(b"."), other.octets.split(b".")
    assert one.header_in(segments[0], DEFAULT) is one.header
    assert one.header_in(others[0], DEFAULT) is None
    assert one.claims_in(dump_json(dict(one.claims)), DEFAULT) is one.claims
    assert one.claims_in(dump_json(dict(other.claims)), DEFAULT) is None
    forged = object.__new__(Unverified)
    with pytest.raises(AttributeError):
        forged._origin = one._origin
    with pytest.raises(AttributeError):
        one.claims = other.claims
    with pytest.raises(AttributeError):
        verifier().verify(forged)
    assert "ana" not in repr(one)


def test_every_profile_takes_what_was_peeked_at() -> None:
    """The verifiers of the profiles take it in place of the text, and refuse it with its signature broken."""
    one: dict[str, Any] = {"clock": clock}
    at = access_token.Minter(KEY, issuer=AS, **one).mint(subject="ana", audience=API, client_id="c")
    ca = client_assertion.Minter(KEY, client_id="c", audience=AS, **one).mint()
    idt = id_token.Minter(KEY, issuer=AS, **one).mint(subject="ana", client_id="c", nonce="n")
    out = logout_token.Minter(KEY, issuer=AS, **one).mint(client_id="c", subject="ana")
    form = csrf.Minter(KEY, origin=API, **one).mint(session="s", action="POST /")
    proof = dpop.Minter(KEY, **one).mint("GET", API)
    keys = KEY.public()
    calls = [
        (at, access_token.Verifier(keys, issuer=AS, audience=API, **one).verify, {}),
        (ca, client_assertion.Verifier(keys, client_id="c", audience=[AS], **one).verify, {}),
        (idt, id_token.Verifier(keys, issuer=AS, client_id="c", **one).verify, {"nonce": "n"}),
        (out, logout_token.Verifier(keys, issuer=AS, client_id="c", replay=None, **one).verify, {}),
        (form, csrf.Verifier(keys, origin=API, replay=None, **one).verify, {"session": "s", "action": "POST /"}),
        (proof, dpop.Verifier(replay=None, **one).verify, {"method": "GET", "url": API}),
    ]
    for text, verify, arguments in calls:
        seen = peek(text)
        assert verify(seen, **arguments).claims is seen.claims
        with pytest.raises(InvalidSignatureError):
            verify(peek(text[:-8] + "AAAAAAAA"), **arguments)
