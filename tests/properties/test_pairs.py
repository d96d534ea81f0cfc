"""Every pair of the library is its own inverse: sign and verify, write and parse, encode and decode, out and in."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.properties.strategies import ALGS, algorithms, half_of, key_of, objects, payloads, printable, values
from undersign import jwk, jwks, jws, jwt
from undersign.encoding import (
    b64url_decode,
    b64url_encode,
    dump_json,
    int_from_b64url,
    int_to_b64url,
    parse_json,
)
from undersign.errors import InvalidBase64Error

NAMES: Final = {"issuer": "https://as.example", "audience": "https://api.example"}


class Pair(NamedTuple):
    """Two functions of which one undoes the other."""

    name: str
    given: st.SearchStrategy[Any]
    there: Callable[[Any], Any]
    back: Callable[[Any], Any]


def _signs(name: str, payload: st.SearchStrategy[bytes], **options: Any) -> Pair:
    def there(case: tuple[str, bytes]) -> Any:
        return case[0], jws.sign(case[1], key_of(case[0]), **options), case[1]

    def back(case: tuple[str, Any, bytes]) -> tuple[str, bytes]:
        content = case[2] if options.get("detached") else None
        return case[0], jws.verify(case[1], half_of(case[0]), payload=content).payload

    return Pair(name, st.tuples(algorithms, payload), there, back)


def _many_back(case: tuple[list[str], Any]) -> tuple[list[str], bytes]:
    verified = jws.verify(case[1], [half_of(alg) for alg in dict.fromkeys(case[0])], policy=jws.all_of())
    return [report.protected["alg"] for report in verified.signatures], verified.payload


def _jwt_back(case: tuple[str, str]) -> tuple[str, Any]:
    claims = dict(jwt.verify(case[1], half_of(case[0]), **NAMES).claims)  # type: ignore[arg-type]
    return case[0], {name: value for name, value in claims.items() if name not in {"iss", "aud", "iat", "exp"}}


_own = objects.map(
    lambda each: {
        name: value
        for name, value in each.items()
        if name not in {"iss", "aud", "iat", "exp", "nbf", "sub", "jti", "auth_time"}
    }
)
PAIRS: Final = (
    _signs("compact", payloads),
    _signs("flattened", payloads, serialization="flattened"),
    _signs("general", payloads, serialization="general"),
    _signs("compact detached", payloads, detached=True),
    _signs("flattened detached", payloads, serialization="flattened", detached=True),
    _signs("general detached", payloads, serialization="general", detached=True),
    _signs("compact b64=false", printable, b64=False),
    _signs("compact b64=false detached", payloads, b64=False, detached=True),
    _signs(
        "flattened b64=false",
        st.text(st.characters(exclude_categories=("Cs",))).map(str.encode),
        serialization="flattened",
        b64=False,
    ),
    _signs("general b64=false detached", payloads, serialization="general", b64=False, detached=True),
    Pair(
        "several signers",
        st.tuples(st.lists(algorithms, min_size=2, max_size=4, unique=True), payloads),
        lambda case: (case[0], jws.sign(case[1], [key_of(alg) for alg in case[0]], serialization="general")),
        _many_back,
    ),
    Pair(
        "key sign, key verify",
        st.tuples(algorithms, payloads),
        lambda case: (*case, key_of(case[0]).sign(case[1])),
        lambda case: case[:2] if half_of(case[0]).verify(*case[1:]) is None else None,
    ),
    Pair(
        "jwt sign, jwt verify",
        st.tuples(algorithms, _own),
        lambda case: (case[0], jwt.sign(case[1], key_of(case[0]), **NAMES)),
        _jwt_back,
    ),  # type: ignore[arg-type]
    Pair("base64url", st.binary(), b64url_encode, b64url_decode),
    Pair("Base64urlUInt", st.integers(0, 2**600), int_to_b64url, int_from_b64url),
    Pair("JSON", values, dump_json, parse_json),
    Pair("private JWK", algorithms, lambda alg: key_of(alg).to_jwk(private=True), lambda found: _same(jwk.load(found))),
    Pair(
        "private JWK in text",
        algorithms,
        lambda alg: json.dumps(key_of(alg).to_jwk(private=True), indent=1),
        lambda found: _same(jwk.load(found)),
    ),
    Pair(
        "prepare, attach",
        st.tuples(algorithms, payloads),
        lambda case: (case[0], _elsewhere(*case)),
        lambda case: (case[0], jws.verify(case[1], half_of(case[0])).payload),
    ),
)
"""The table of pairs; those of public keys and PEM, which secrets do not have, are tested below it."""


def _same(key: jwk.Key) -> str | None:
    return key.alg if key.alg is not None and key.is_same_key(key_of(key.alg)) else None


def _elsewhere(alg: str, payload: bytes) -> str:
    prepared = jws.prepare(payload, half_of(alg))
    made = prepared.attach(key_of(alg).sign(prepared.signing_input))
    assert isinstance(made, str)
    return made


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(data=st.data())
def test_a_pair_gives_back_what_it_was_given(pair: Pair, data: st.DataObject) -> None:
    """Going there and back gives the value that was given, for every algorithm where one is concerned."""
    value = data.draw(pair.given)
    assert pair.back(pair.there(value)) == value


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("serialization", ["compact", "flattened", "general"])
@pytest.mark.parametrize("detached", [False, True])
@pytest.mark.parametrize("b64", [True, False])
def test_every_algorithm_signs_every_way(alg: str, serialization: Any, detached: bool, b64: bool) -> None:
    """Each algorithm, serialization, detached or not, encoded or not, verifies; no example is left to chance."""
    token: Any = jws.sign(b"content", key_of(alg), serialization=serialization, detached=detached, b64=b64)
    verified = jws.verify(token, half_of(alg), payload=b"content" if detached else None)
    assert (verified.payload, verified.protected["alg"], verified.checks) == (b"content", alg, ("signature",))


@pytest.mark.parametrize("alg", [alg for alg in ALGS if not alg.startswith("HS")])
@pytest.mark.parametrize("password", [None, b"password"])
def test_keys_survive_pem(alg: str, password: bytes | None) -> None:
    """A private key comes back from PEM, plain and encrypted, and its public half from SPKI, as the same key."""
    key = key_of(alg)
    again = jwk.load(key.to_pem(private=True, password=password), alg=alg, password=password)
    assert again.is_private
    assert again.is_same_key(key)
    public = jwk.load(key.to_pem(), alg=alg)
    assert not public.is_private
    assert public.is_same_key(key)
    public.verify(b"message", again.sign(b"message"))


@pytest.mark.parametrize("alg", [alg for alg in ALGS if not alg.startswith("HS")])
def test_public_keys_survive_jwk_and_jwks(alg: str) -> None:
    """A public key comes back from a JWK and a JWK Set in text, with its kid and alg and no private member."""
    key = key_of(alg)
    members = key.public().to_jwk()
    assert members == key.to_jwk()
    assert not {"d", "p", "q", "dp", "dq", "qi", "k", "priv"} & members.keys()
    again = jwk.load_public(json.dumps(members))
    assert (again.alg, again.kid, again.thumbprint()) == (key.alg, key.kid, key.thumbprint())
    (found,) = jwks.KeySet.load(json.dumps(jwks.KeySet([key]).to_jwks()))
    assert found.is_same_key(key)


@given(st.sampled_from([alg for alg in ALGS if not alg.startswith("HS")]), st.randoms(use_true_random=False))
def test_a_thumbprint_does_not_depend_on_order_or_company(alg: str, random: Any) -> None:
    """The members' order and any further members leave a thumbprint as it is (RFC 7638 section 3)."""
    members = list({**key_of(alg).public().to_jwk(), "kid": "another", "x-note": [1]}.items())
    random.shuffle(members)
    assert jwk.load(dict(members)).thumbprint() == key_of(alg).thumbprint()


@given(st.binary())
def test_base64url_is_python_s_without_padding(octets: bytes) -> None:
    """Encoding agrees with the standard library's, less its padding."""
    assert b64url_encode(octets) == base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@given(st.text(st.sampled_from("ABab01-_=+/ \n."), max_size=12) | st.binary(max_size=12).map(b64url_encode))
def test_base64url_decodes_what_it_encodes_and_nothing_else(text: str) -> None:
    """Text decodes if and only if it is exactly what encoding its octets gives."""
    reference = None
    try:
        octets = base64.b64decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4), validate=True)
        reference = octets if b64url_encode(octets) == text else None
    except ValueError:
        pass
    if reference is None:
        with pytest.raises(InvalidBase64Error):
            b64url_decode(text)
    else:
        assert b64url_decode(text) == reference


@given(values)
def test_json_reads_as_the_standard_library_does(value: Any) -> None:
    """What json.dumps writes, escaped or not, is read as json.loads reads it."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=2)):
        assert parse_json(text.encode()) == json.loads(text)
