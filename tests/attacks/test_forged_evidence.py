"""Evidence of a verification cannot be made, changed or carried over by anybody else (threat 9, safety rule 20)."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from tests.attacks.forge import AUDIENCE, ISSUER, SECRET
from undersign import jws, jwt

CLAIMS = {"sub": "ana", "roles": ["user", {"at": ["home"]}], "address": {"city": "Lisboa"}}


CHANGES: list[Callable[[Any], object]] = [
    lambda claims: claims.__setitem__("sub", "eve"),
    lambda claims: claims.update(sub="eve"),
    lambda claims: claims.pop("sub"),
    lambda claims: claims.popitem(),
    lambda claims: claims.clear(),
    lambda claims: claims.setdefault("admin", True),
    lambda claims: claims.__delitem__("sub"),
    lambda claims: claims.__ior__({"sub": "eve"}),
    lambda claims: claims["roles"].append("admin"),
    lambda claims: claims["roles"].__setitem__(0, "admin"),
    lambda claims: claims["roles"].insert(0, "admin"),
    lambda claims: claims["roles"].extend(["admin"]),
    lambda claims: claims["roles"].__iadd__(["admin"]),
    lambda claims: claims["roles"].__imul__(2),
    lambda claims: claims["roles"].sort(),
    lambda claims: claims["roles"].reverse(),
    lambda claims: claims["roles"].remove("user"),
    lambda claims: claims["roles"].pop(),
    lambda claims: claims["roles"].clear(),
    lambda claims: claims["roles"].__delitem__(0),
    lambda claims: claims["roles"][1]["at"].append("work"),
    lambda claims: claims["address"].update(city="Porto"),
]


def _jwt() -> jwt.VerifiedJWT:
    text = jwt.sign(CLAIMS, SECRET, issuer=ISSUER, audience=AUDIENCE)
    return jwt.verify(text, SECRET, issuer=ISSUER, audience=AUDIENCE)


def _jws() -> jws.VerifiedJWS:
    return jws.verify(jws.sign(b"payload", SECRET), SECRET)


@pytest.fixture(params=[_jwt, _jws])
def evidence(request: pytest.FixtureRequest) -> Any:
    """One piece of evidence."""
    make: Callable[[], Any] = request.param
    return make()


def test_evidence_cannot_be_copied_or_pickled(evidence: Any) -> None:
    """No copy, deep copy, pickle of any protocol or dataclasses.replace makes another piece of evidence."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(evidence, protocol)
    for attempt in (copy.copy, copy.deepcopy, dataclasses.replace):
        with pytest.raises(TypeError):
            attempt(evidence)


def test_evidence_cannot_be_made_by_hand(evidence: Any) -> None:
    """The class refuses to be called, with the facts of a real piece of evidence too, and to be inherited from."""
    kind = type(evidence)
    for arguments in ((), (evidence._facts,), (evidence._facts, object()), tuple(evidence._facts)):
        with pytest.raises(TypeError):
            kind(*arguments)
    with pytest.raises(TypeError):
        kind(evidence._facts, seal=None)
    with pytest.raises(TypeError):
        type("Forged", (kind,), {"claims": {"sub": "eve"}})


def test_evidence_cannot_be_changed(evidence: Any) -> None:
    """No attribute can be set or deleted, and there is no dictionary to write to."""
    names = [name for name in dir(evidence) if not name.startswith("__")]
    for name in [*names, "added"]:
        with pytest.raises((AttributeError, TypeError)):
            setattr(evidence, name, "forged")
        with pytest.raises((AttributeError, TypeError)):
            delattr(evidence, name)
    assert not hasattr(evidence, "__dict__")


def test_an_empty_shell_is_no_evidence(evidence: Any) -> None:
    """An object made around the constructor has no facts to tell."""
    shell = object.__new__(type(evidence))
    for name in ("header", "key", "checks"):
        with pytest.raises(AttributeError):
            getattr(shell, name)


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
@pytest.mark.parametrize("codec", ["json", "msgspec"])
def test_verified_claims_are_read_only_at_every_depth(change: Callable[[Any], object], codec: str) -> None:
    """Every way to change an object or an array of the claims raises and changes nothing."""
    if codec == "msgspec":
        pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'undersign[fast]'")
    verifier = jwt.Verifier(SECRET, issuer=ISSUER, audience=AUDIENCE, codec=codec)
    text = jwt.sign(CLAIMS, SECRET, issuer=ISSUER, audience=AUDIENCE)
    verified = verifier.verify(text)
    with pytest.raises(TypeError):
        change(verified.claims)
    assert verified.claims == verifier.verify(text).claims


def test_a_copy_of_the_claims_is_the_caller_s_own() -> None:
    """Claims can be copied, pickled and compared as plain dictionaries, which are nobody's evidence."""
    claims = _jwt().claims
    for made in (dict(claims), copy.copy(claims), pickle.loads(pickle.dumps(claims)), copy.deepcopy(claims)):  # noqa: S301 - our own
        assert type(made) is dict
        assert made == claims
        made["sub"] = "eve"
    assert claims["sub"] == "ana"


def test_the_header_that_is_remembered_cannot_be_changed_through_the_evidence() -> None:
    """The header of a result is the one the verifier remembers, so it is read-only as well."""
    verifier = jwt.Verifier(SECRET, issuer=ISSUER, audience=AUDIENCE)
    text = jwt.sign(CLAIMS, SECRET, issuer=ISSUER, audience=AUDIENCE, header={"x": {"y": [1]}})
    header: Any = verifier.verify(text).header
    for change in (lambda: header.update(alg="none"), lambda: header["x"]["y"].append(2)):
        with pytest.raises(TypeError):
            change()
    assert verifier.verify(text).header["x"] == {"y": [1]}
