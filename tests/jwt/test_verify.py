"""Verifying a JWT: what a Verifier checks unless told otherwise, and how it is told (RFC 7519, RFC 8725)."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from undersign import jwk, jws, jwt
from undersign.errors import (
    AlgorithmNotAllowedError,
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidJSONError,
    InvalidSignatureError,
    LimitError,
    MissingClaimError,
    NotYetValidError,
    PolicyError,
    TooOldError,
    UndersignError,
    UnknownKeyError,
)
from undersign.jwk import Key
from undersign.limits import Limits

NOW = 1_800_000_000
KEY = jwk.generate("ES256")
SECRET = jwk.generate("HS256")
NAMES: dict[str, Any] = {"issuer": "https://as.example", "audience": "https://api.example"}


def mint(claims: dict[str, Any] | None = None, **options: Any) -> str:
    """Mint a token at NOW."""
    return jwt.Signer(KEY, **{**NAMES, "clock": lambda: NOW, **options}).sign(claims or {"sub": "ana"})


def verify(token: str | bytes, **options: Any) -> jwt.VerifiedJWT:
    """Verify a token at NOW."""
    return jwt.Verifier(KEY.public(), **{**NAMES, "clock": lambda: NOW, **options}).verify(token)


def test_a_good_token_gives_its_claims() -> None:
    """The result has claims, header, the key that held and what was checked; text and octets are the same token."""
    verified = verify(mint())
    assert verified.claims == {
        "iss": NAMES["issuer"],
        "aud": NAMES["audience"],
        "iat": NOW,
        "exp": NOW + 900,
        "sub": "ana",
    }
    assert verified.header == {"alg": "ES256", "kid": KEY.kid, "typ": "JWT"}
    assert verified.key.thumbprint() == KEY.thumbprint()
    assert verified.checks == ("signature", "typ", "iss", "aud", "exp", "nbf", "iat")
    assert verify(mint().encode()).claims["sub"] == "ana"
    assert jwt.verify(mint(), KEY.public(), now=NOW, **NAMES).claims == verified.claims


def test_issuer_audience_and_times_are_checked() -> None:
    """exp, nbf, iat, iss and aud are checked without being asked for."""
    for claims, error in (
        ({"exp": NOW}, ExpiredTokenError),
        ({"nbf": NOW + 1}, NotYetValidError),
        ({"iat": NOW + 1, "exp": NOW + 9}, NotYetValidError),
    ):
        with pytest.raises(error):
            verify(mint(claims))
    for options in ({"issuer": "https://other.example"}, {"audience": "https://other.example"}):
        with pytest.raises(IncorrectClaimError):
            verify(mint(**options))
    with pytest.raises(MissingClaimError):
        verify(mint(lifetime=None))
    assert verify(mint(audience=["https://other.example", NAMES["audience"]]))
    assert verify(mint(), audience=("https://x.example", NAMES["audience"]))


def test_a_verifier_names_issuer_and_audience_or_waives_them() -> None:
    """Without an expected issuer, or its waiver, a Verifier is refused, with the line that would fix it."""
    for options in ({"issuer": None}, {"audience": None}):
        with pytest.raises(PolicyError, match="waive="):
            verify(mint(), **options)
    with pytest.raises(PolicyError):
        verify(mint(), waive=("iss",))
    with pytest.raises(PolicyError):
        verify(mint(), waive=("aud",))


def test_a_waiver_lets_a_claim_be_absent_and_never_wrong() -> None:
    """exp waived may be absent and still ends the token; iss and aud waived may be anything of their type."""
    waived: dict[str, Any] = {"issuer": None, "audience": None, "waive": ("iss", "aud", "exp", "typ")}
    assert verify(mint(lifetime=None), **waived).checks[-4:] == ("waived:iss", "waived:aud", "waived:exp", "waived:typ")
    assert verify(mint(issuer="anybody", audience=["anything"], typ="at+jwt"), **waived)
    with pytest.raises(ExpiredTokenError):
        verify(mint({"exp": NOW}), **waived)
    wrong = jws.sign(b'{"iss":["x"],"aud":5}', KEY)
    with pytest.raises(ClaimTypeError):
        verify(wrong, **waived)
    for waive in ("iss", ("sub",), ("signature",), ("nbf",), 5, (["iss"],)):
        with pytest.raises(PolicyError):
            verify(mint(), **{**waived, "waive": waive})


def test_another_typ_is_refused() -> None:
    """typ is absent or JWT unless another is named; then it must be that one."""
    for typ in (None, "JWT", "jwt", "application/JWT"):
        assert verify(mint(typ=typ))
    for typ in ("at+jwt", "dpop+jwt", "logout+jwt"):
        with pytest.raises(IncorrectTypeError):
            verify(mint(typ=typ))
        assert verify(mint(typ=typ), typ=typ)
        for other in (None, "JWT"):
            with pytest.raises(IncorrectTypeError):
                verify(mint(typ=other), typ=typ)
    assert verify(mint(typ=None), typ=(None, "at+jwt"))
    for wrong in ("", (), 5, (5,), ("",)):
        with pytest.raises(PolicyError):
            verify(mint(), typ=wrong)


def test_algorithms_can_be_named() -> None:
    """A list of algorithms narrows what the keys allow and never widens it."""
    assert verify(mint(), algorithms=["ES256", "EdDSA"])
    for names in (["ES384"], ["HS256"], ["none"], ["es256"]):
        with pytest.raises(AlgorithmNotAllowedError):
            verify(mint(), algorithms=names)
    for wrong in ("ES256", [], 5, [None], [["ES256"]]):
        with pytest.raises(PolicyError):
            verify(mint(), algorithms=wrong)


def test_claims_are_read_after_the_signature_only() -> None:
    """A token with a bad signature and bad claims is refused for its signature, and its claims are not parsed."""
    head, _, signature = mint().split(".")
    with pytest.raises(InvalidSignatureError):
        verify(f"{head}.bm90IEpTT04.{signature}")
    with pytest.raises(InvalidJSONError):
        verify(jws.sign(b"not JSON", KEY))


def test_a_cut_signature_is_refused() -> None:
    """Any part of the signature missing, all of it too, refuses the token."""
    token = mint()
    at = token.rindex(".") + 1
    for end in range(at, len(token)):
        with pytest.raises(UndersignError):
            verify(token[:end])


def test_leeway_is_nothing_unless_asked() -> None:
    """Leeway reaches exp, nbf, iat and max_age, to the second."""
    for claims in ({"exp": NOW - 29}, {"nbf": NOW + 30}, {"iat": NOW + 30, "exp": NOW + 99}):
        with pytest.raises(IncorrectClaimError):
            verify(mint(claims))
        for leeway in (30, "30s", timedelta(seconds=30), 30.0):
            assert verify(mint(claims), leeway=leeway)
    with pytest.raises(ExpiredTokenError):
        verify(mint({"exp": NOW - 30}), leeway=30)
    for wrong in ("30", "1y", -1, math.nan, math.inf, True, [], ""):
        with pytest.raises(PolicyError):
            verify(mint(), leeway=wrong)


def test_max_age_asks_when_it_was_issued() -> None:
    """A token older than max_age is refused, and one that does not say its age as well."""
    assert verify(mint({"iat": NOW - 60}), max_age="1m")
    with pytest.raises(TooOldError):
        verify(mint({"iat": NOW - 61}), max_age="1m")
    assert verify(mint({"iat": NOW - 65}), max_age="1m", leeway=5)
    with pytest.raises(MissingClaimError):
        verify(mint({"exp": NOW + 9}, lifetime=None), max_age=60)


def test_the_clock_is_the_caller_s() -> None:
    """The clock is asked at each verification; one that tells no time lets nothing pass."""
    times = iter([NOW, NOW + 899, NOW + 900])
    verifier = jwt.Verifier(KEY.public(), **NAMES, clock=lambda: next(times))
    token = mint()
    assert verifier.verify(token)
    assert verifier.verify(token)
    with pytest.raises(ExpiredTokenError):
        verifier.verify(token)
    endless = mint(lifetime=None)
    for untimed in (token, endless):
        with pytest.raises(UndersignError):
            verify(untimed, clock=lambda: math.nan, issuer=None, audience=None, waive=("iss", "aud", "exp"))
    moment = datetime.fromtimestamp(NOW, tz=UTC)
    assert jwt.verify(token, KEY.public(), now=moment, **NAMES)
    for wrong in (datetime(2027, 1, 1), "now", math.nan, True):  # noqa: DTZ001 - without a zone, which is the point
        with pytest.raises(PolicyError):
            jwt.verify(token, KEY.public(), now=wrong, **NAMES)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [
        {"issuer": 5},
        {"issuer": ""},
        {"issuer": ["a"]},
        {"audience": 5},
        {"audience": ""},
        {"audience": []},
        {"audience": [5]},
        {"audience": b"x"},
        {"understood": "exp"},
        {"quirks": ("x",)},
        {"codec": "x"},
        {"max_age": "x"},
        {"clock": None},
    ],
    ids=str,
)
def test_a_policy_that_makes_no_sense_is_refused_when_built(options: dict[str, Any]) -> None:
    """A Verifier of contradictory or mistyped parts is a PolicyError before any token comes."""
    with pytest.raises(PolicyError):
        jwt.Verifier(KEY.public(), **{**NAMES, **options})


def test_averify_refreshes_once() -> None:
    """Where the key is unknown a source that can refresh does, once; then the token is verified or refused."""
    old, new = jwk.generate("ES256", kid="old"), jwk.generate("ES256", kid="new")

    class Source:
        refreshed = 0
        keys = (old.public(),)

        def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:  # noqa: ARG002 - KeySource's shape
            for key in self.keys:
                if key.kid == kid:
                    return key
            raise UnknownKeyError("There is no such key.", source=self)

        async def refresh(self) -> None:
            self.refreshed += 1
            self.keys = (old.public(), new.public())

    source = Source()
    verifier = jwt.Verifier(source, **NAMES)
    fresh = jwt.sign({"sub": "ana"}, new, **NAMES)
    with pytest.raises(UnknownKeyError):
        verifier.verify(fresh)
    assert asyncio.run(verifier.averify(fresh)).claims["sub"] == "ana"
    assert source.refreshed == 1
    with pytest.raises(UnknownKeyError):
        asyncio.run(verifier.averify(jwt.sign({}, jwk.generate("ES256", kid="nobody's"), **NAMES)))
    assert source.refreshed == 2
    with pytest.raises(InvalidSignatureError):
        asyncio.run(verifier.averify(fresh[:-8] + "AAAAAAAA"))
    assert source.refreshed == 2
    plain = jwt.Verifier([old.public(), KEY.public()], **NAMES)
    with pytest.raises(UnknownKeyError):
        asyncio.run(plain.averify(fresh))


def test_a_jwt_has_a_limit_of_its_own() -> None:
    """Limits.jwt caps a JWT below what a JWS may have."""
    long = mint({"pad": "x" * 70_000})
    with pytest.raises(LimitError):
        verify(long)
    assert verify(long, limits=Limits(jwt=200_000))


def test_the_msgspec_codec_agrees_but_for_names_that_stand_twice() -> None:
    """With msgspec the same tokens verify and the same checks hold; its last of two names wins, as documented."""
    pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'undersign[fast]'")
    token = mint({"sub": "ana", "deep": {"a": [1, {"b": "\u00e9"}]}})
    assert verify(token, codec="msgspec").claims == verify(token).claims
    for payload in (b"[]", b"not JSON", b"\xff", b'{"a":NaN}', b"{" * 5000, b'{"exp":1e999}', b'{"sub":5}', b"{}"):
        with pytest.raises(UndersignError):
            verify(jws.sign(payload, KEY), codec="msgspec")
    twice = jws.sign(b'{"sub":"ana","sub":"eve"}', KEY)
    waived: dict[str, Any] = {"issuer": None, "audience": None, "waive": ("iss", "aud", "exp")}
    assert verify(twice, codec="msgspec", **waived).claims["sub"] == "eve"
    with pytest.raises(UndersignError):
        verify(twice, **waived)


def test_one_verifier_serves_many_threads() -> None:
    """A Verifier and a Signer are used from several threads at once without harm."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only here

    signer, verifier = jwt.Signer(SECRET, **NAMES), jwt.Verifier(SECRET, **NAMES)
    with ThreadPoolExecutor(8) as pool:
        subjects = list(pool.map(lambda n: verifier.verify(signer.sign({"n": n})).claims["n"], range(400)))
    assert subjects == list(range(400))
