"""Names say what a thing is, and docstrings say what must hold (DESIGN section 3, CONTRIBUTING)."""

from __future__ import annotations

import ast
import re

from tests.architecture.reading import ROOT, SOURCE, files, functions, name, tree

VAGUE = re.compile(r"(^|_)(utils?|helpers?|common|managers?|base|misc|stuff|shared|core)(_|$)")
SECURITY = re.compile(r"^_?(verify|check|authorize|authenticate)")


def test_no_room_or_file_has_a_vague_name() -> None:
    """A room is a noun of the standard and a file a noun or verb in it, never a drawer for leftovers."""
    names = [part for path in files() for part in path.relative_to(SOURCE).with_suffix("").parts]
    assert sorted({part for part in names if VAGUE.search(part)}) == []


def test_nothing_that_decides_security_returns_a_bool() -> None:
    """Verify, check, authorize and authenticate raise or give evidence, since a bool can be forgotten."""
    wrong = [
        f"{name(path)}::{function.name}"
        for path in files(ROOT / "src", ROOT / "examples")
        for function in functions(path)
        if SECURITY.match(function.name) and function.returns and re.search(r"\bbool\b", ast.unparse(function.returns))
    ]
    assert wrong == []


def test_every_module_starts_with_one_sentence() -> None:
    """A module of the package begins with a docstring whose first paragraph is one sentence."""
    wrong = []
    for path in files():
        first = (ast.get_docstring(tree(path)) or "").split("\n\n")[0].strip()
        if not first.endswith((".", ":")) or re.search(
            r"[a-z)`]\. [A-Z]", first.replace("\n", " ").removeprefix("START HERE")
        ):
            wrong.append(f"{name(path)}: {first!r}")
    assert wrong == []


def test_every_test_says_in_one_sentence_what_must_hold() -> None:
    """A test's docstring is one sentence on one or two lines, ending in a full stop."""
    wrong = []
    for path in files(ROOT / "tests"):
        for function in functions(path):
            text = ast.get_docstring(function) or ""
            is_test = path.name.startswith("test_") and function.name.startswith("test_")
            if is_test and (not text.endswith(".") or re.search(r"[a-z)`]\. [A-Z]", text.replace("\n", " "))):
                wrong.append(f"{name(path)}::{function.name}: {text!r}")
    assert wrong == []


def test_nothing_swallows_every_exception() -> None:
    """A handler of Exception, BaseException or everything ends by raising again what it caught."""
    wrong = []
    for path in files():
        if name(path).endswith("conformance/adapters.py"):  # what comes out of another library is its finding
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = "BaseException" if node.type is None else ast.unparse(node.type)
                last = node.body[-1]
                raised = isinstance(last, ast.Raise) and last.exc is None
                if re.search(r"\b(Base)?Exception\b", caught) and not raised:
                    wrong.append(f"{name(path)}:{node.lineno}")
    assert wrong == []


def test_only_the_outside_awaits() -> None:
    """Coroutines live in web, serve, asgi, jwks/remote, the runner and the playground; all else is plain."""
    allowed = ("web/", "serve/", "asgi/", "jwks/remote.py", "playground/", "runner.py")
    # averify is the door to jwks/remote; the ledger's seen waits for the one read that precedes a commit.
    named = {("averify", "jwt/"), ("averify", "access/issuers.py"), ("seen", "storage/ledger/ledger.py")}
    wrong = []
    for path in files():
        place = path.relative_to(SOURCE).as_posix()
        for function in functions(path):
            exempt = any(function.name == each and place.startswith(at) for each, at in named)
            if isinstance(function, ast.AsyncFunctionDef) and not place.startswith(allowed) and not exempt:
                wrong.append(f"{place}::{function.name}")
    assert wrong == []
