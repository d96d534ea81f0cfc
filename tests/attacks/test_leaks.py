"""No message, repr or log holds key material or a whole token (row L1, the total contract of DESIGN 2.2)."""

from __future__ import annotations

import ast
import json
import logging
import traceback
import warnings
from pathlib import Path
from typing import Any

import pytest

import undersign
from tests.attacks import hostile_claims, hostile_keys, hostile_shapes, hostile_tokens
from tests.attacks.attack import Attack
from tests.attacks.forge import AUDIENCE, CLAIMS, ISSUER, NOW, SECRET, token
from undersign import jwk, jwks, jws, jwt
from undersign.errors import UndersignError

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k", "priv")
LIBRARY = ("errors", "encoding.py", "limits.py", "replay.py", "header.py", "jwa", "jwk", "jwks", "jws", "jwt")


def said(error: BaseException) -> str:
    """Everything that an error tells a log: text, repr, arguments, attributes, and the chain behind it."""
    told = []
    seen: BaseException | None = error
    while seen is not None:
        told += [str(seen), repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return "\n".join(told)


def secrets_of(source: Any) -> list[str]:
    """The texts in a key that nobody may see."""
    if isinstance(source, dict):
        return [value for name in PRIVATE if isinstance(value := source.get(name), str) and len(value) >= 12]
    octets = source if isinstance(source, bytes) else str(source).encode("utf-8", "replace")
    lines = octets.decode("ascii", "replace").splitlines()
    return [line for line in lines if len(line) >= 24 and "BEGIN" not in line and "END" not in line]


TOKENS = [*hostile_tokens.ATTACKS, *hostile_shapes.ATTACKS, *hostile_claims.ATTACKS]


@pytest.mark.parametrize("attack", TOKENS, ids=range(len(TOKENS)))
def test_a_refused_token_is_not_told(attack: Attack, caplog: pytest.LogCaptureFixture) -> None:
    """The error of a hostile token is short, ASCII, holds neither token nor signature, and nothing is logged."""
    with caplog.at_level(logging.DEBUG), pytest.raises(UndersignError) as caught:
        attack.do()
    text = said(caught.value)
    token_text = attack.source if isinstance(attack.source, str) else json.dumps(attack.source, default=repr)
    signature = token_text.rpartition(".")[2]
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 1000
    assert len(token_text) < 60 or token_text not in text
    assert len(signature) < 40 or signature not in text
    assert caught.value.help
    assert caplog.records == []


@pytest.mark.parametrize("attack", hostile_keys.ATTACKS, ids=range(len(hostile_keys.ATTACKS)))
def test_a_refused_key_is_not_told(attack: Attack, caplog: pytest.LogCaptureFixture) -> None:
    """The error of a hostile key holds nothing of its private members or its PEM, and nothing is logged."""
    with caplog.at_level(logging.DEBUG), pytest.raises(UndersignError) as caught:
        attack.do()
    text = said(caught.value)
    assert [secret for secret in secrets_of(attack.source) if secret in text] == []
    assert str(caught.value).isascii()
    assert caplog.records == []


@pytest.mark.parametrize("alg", ["HS256", "RS256", "ES256", "Ed25519", "Ed448", "ML-DSA-44"])
def test_no_repr_of_anything_shows_a_secret(alg: str) -> None:
    """Keys, sets, evidence, signers, policies and their containers show type, alg and kid and nothing private."""
    key = jwk.generate(alg)
    half = key if key.kty == "oct" else key.public()
    text = jwt.sign({"sub": "ana", "card": "4111 1111 1111 1111"}, key, issuer=ISSUER, audience=AUDIENCE)
    verified = jwt.verify(text, half, issuer=ISSUER, audience=AUDIENCE)
    things: list[Any] = [
        *(key, half, [key], {"key": key}, jwks.KeySet([key]), verified, jws.verify(text, half)),
        *(jwt.Signer(key), jwt.Verifier(half, issuer=ISSUER, audience=AUDIENCE), jws.By(key), jws.prepare(b"x", key)),
    ]
    hidden = [value for name, value in key.to_jwk(private=True).items() if name in PRIVATE]
    hidden += [text, text.rpartition(".")[2], "4111"]
    assert hidden[0]
    for thing in things:
        for shown in (repr(thing), str(thing), f"{thing}", json.dumps(repr(thing))):
            assert [secret for secret in hidden if secret in shown] == [], type(thing)
    assert alg in repr(key)


def test_what_a_message_quotes_is_escaped_and_short() -> None:
    """A claim, kid or alg that is quoted cannot paint a terminal, run right to left or fill a log."""
    hostile = "\x1b[31mVALID\u202e\u2066\n\r\0" + "x" * 5000
    cases = [
        token({"alg": "HS256"}, {**CLAIMS, "iss": hostile}),
        token({"alg": "HS256"}, {**CLAIMS, "aud": [hostile] * 9}),
        token({"alg": hostile}, CLAIMS),
        token({"alg": "HS256", "typ": hostile}, CLAIMS),
        token({"alg": "HS256", "crit": [hostile], hostile: 1}, CLAIMS),
        token({"alg": "HS256"}, json.dumps(CLAIMS)[:-1] + f',"{"x" * 5000}":1,"{"x" * 5000}":2}}'),
    ]
    for text in cases:
        with pytest.raises(UndersignError) as caught:
            jwt.verify(text, SECRET, issuer=ISSUER, audience=AUDIENCE, now=NOW)
        message = str(caught.value)
        assert message.isprintable()
        assert message.isascii()
        assert len(message) < 700


def test_a_traceback_does_not_carry_the_octets_on() -> None:
    """A traceback printed the usual way shows the message and our own lines, never the secret that was passed."""
    secret = "c2VjcmV0IHRoYXQgbm9ib2R5IG1heSBzZWU"
    with pytest.raises(UndersignError) as caught:
        jwk.load({"kty": "oct", "alg": "ES256", "k": secret})
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_the_library_neither_logs_nor_prints_nor_warns() -> None:
    """No module of the library imports logging or warnings, or calls print."""
    root = Path(undersign.__file__).parent
    for room in LIBRARY:
        for path in sorted((root / room).rglob("*.py")) if (root / room).is_dir() else [root / room]:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                    assert not {"logging", "warnings"} & set(names), path
                assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"), path
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        jwk.generate("Ed25519")
