"""Evidence is made by its verifier only (DESIGN safety rule 20)."""

from __future__ import annotations

import ast
import copy
import importlib
import importlib.util
import inspect
import pickle
from typing import Any

import pytest

from tests.architecture.reading import SOURCE, files, tree

EVIDENCE = (
    "ClientProof",
    "Committed",
    "Permit",
    "Sealed",
    "Unverified",
    "VerifiedCaller",
    "VerifiedJWS",
    "VerifiedJWT",
    "Checkpoint",
)


def _class(wanted: str) -> type[Any]:
    """The one class of that name in the package."""
    places = [
        ".".join(("undersign", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__")
        for path in files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and node.name == wanted
    ]
    assert len(places) == 1, f"{wanted} is defined in {places}"
    found = getattr(importlib.import_module(places[0]), wanted)
    assert isinstance(found, type)
    return found


@pytest.fixture(params=EVIDENCE)
def evidence(request: pytest.FixtureRequest) -> type[Any]:
    """One class of evidence."""
    return _class(request.param)


def _arguments(evidence: type[Any]) -> tuple[list[object], dict[str, object]]:
    """Something for every parameter that the class's maker takes."""
    maker = evidence.__init__ if evidence.__init__ is not object.__init__ else evidence.__new__
    parameters = list(inspect.signature(maker).parameters.values())[1:]
    positional = [object() for one in parameters if one.kind in {one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD}]
    return positional, {one.name: object() for one in parameters if one.kind is one.KEYWORD_ONLY}


def test_evidence_cannot_be_constructed(evidence: type[Any]) -> None:
    """Calling the class with nothing, or with something for every parameter, raises TypeError."""
    positional, named = _arguments(evidence)
    with pytest.raises(TypeError):
        evidence()
    with pytest.raises(TypeError):
        evidence(*positional, **named)


def test_evidence_cannot_be_pickled_or_copied(evidence: type[Any]) -> None:
    """Neither pickle nor copy makes a second piece of evidence."""
    bare = object.__new__(evidence)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(bare)


def test_evidence_cannot_be_changed(evidence: type[Any]) -> None:
    """No attribute can be set, added or deleted, and there is no dictionary behind it."""
    bare = object.__new__(evidence)
    names = [name for name in evidence.__slots__ if not name.startswith("__")]
    assert names
    assert not hasattr(bare, "__dict__")
    for name in [*names, "added"]:
        with pytest.raises((AttributeError, TypeError)):
            setattr(bare, name.removeprefix("__"), "forged")
        with pytest.raises((AttributeError, TypeError)):
            delattr(bare, name)


def test_evidence_cannot_be_derived_from(evidence: type[Any]) -> None:
    """A subclass would be evidence that somebody else can make."""
    with pytest.raises(TypeError):
        type("Forged", (evidence,), {})


def test_evidence_has_no_copying_constructor(evidence: type[Any]) -> None:
    """No replace, _replace, copy or from-method makes evidence out of evidence."""
    assert [name for name in ("__replace__", "_replace", "replace", "copy", "_make") if hasattr(evidence, name)] == []


def test_only_peek_makes_an_unverified() -> None:
    """One file of the package passes the class to something that could make one: the one that parses the octets."""
    makers = {
        path.relative_to(SOURCE).as_posix()
        for path in files()
        for call in ast.walk(tree(path))
        if isinstance(call, ast.Call)
        and any(isinstance(each, ast.Name) and each.id == "Unverified" for each in [call.func, *call.args])
        and getattr(call.func, "id", "") != "isinstance"
    }
    assert makers == {"jwt/unverified.py"}


MAKERS = {
    "undersign.audit.sealed": {"storage/ledger/ledger.py"},
    "undersign.signing.request": {"signing/authorizers/anyone.py", "signing/authorizers/rules.py"},
}


@pytest.mark.parametrize("module", MAKERS)
def test_a_maker_of_evidence_is_in_few_hands(module: str) -> None:
    """What lets one make evidence is imported by the modules that may, and by no other, under any spelling."""
    found = set()
    for path in files():
        package = ".".join(("undersign", *path.relative_to(SOURCE).parent.parts))
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ImportFrom):
                full = f"{'.' * node.level}{node.module or ''}"
                named = importlib.util.resolve_name(full, package) if node.level else full
                if named == module and any(alias.name in {"MAKER", "*"} for alias in node.names):
                    found.add(path.relative_to(SOURCE).as_posix())
            elif isinstance(node, ast.Attribute) and node.attr == "MAKER":
                found.add(path.relative_to(SOURCE).as_posix())
    assert found == MAKERS[module]


def test_only_the_ledger_makes_committed_lines() -> None:
    """Nothing else in the package calls Committed."""
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rsplit(".", 1)[-1] == "Committed"
    }
    assert found == {"storage/ledger/ledger.py"}
