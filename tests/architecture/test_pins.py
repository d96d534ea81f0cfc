"""Installs are reproducible anywhere: versions and files are pinned, and no index is named (DESIGN section 4)."""

from __future__ import annotations

import re
import tomllib

from tests.architecture.reading import ROOT

FILES = sorted((ROOT / "requirements").glob("*.txt"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PINNED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)( ; [^\\]+)? \\$")


def _wanted(name: str) -> list[str]:
    """The requirements that one hand-written file names itself."""
    lines = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8").splitlines()
    return sorted(line for line in lines if line and not line.startswith(("#", "-")))


def test_the_ranges_people_install_are_the_ranges_we_pin() -> None:
    """The dependencies of library, server and PostgreSQL are the same in pyproject.toml and in requirements/*.in."""
    assert _wanted("base") == sorted(PROJECT["project"]["dependencies"])
    for extra in ("server", "postgres"):
        assert _wanted(extra) == sorted(PROJECT["project"]["optional-dependencies"][extra])
    assert set(PROJECT["build-system"]["requires"]) <= set(_wanted("build"))


def test_the_library_needs_cryptography_alone() -> None:
    """A person who wants tokens does not get a web framework."""
    assert [re.split(r"[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]] == ["cryptography"]


def test_every_requirement_is_pinned_with_hashes() -> None:
    """Each line is a comment, one exact version, or a SHA-256 hash of one of its files."""
    assert FILES
    for path in FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        odd = [
            line
            for line in lines
            if not (line.startswith("#") or PINNED.match(line) or re.match(r"^    --hash=sha256:[0-9a-f]{64}", line))
        ]
        assert odd == [], path.name


def test_no_requirement_file_names_an_index() -> None:
    """Where packages come from is the machine's business."""
    for path in sorted((ROOT / "requirements").iterdir()):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ ", text), path.name


def test_one_package_has_one_version() -> None:
    """Two requirement files that name the same package pin the same version, so they install together."""
    pinned: dict[str, set[str]] = {}
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if match := PINNED.match(line):
                pinned.setdefault(match[1], set()).add(match[2])
    assert {name: found for name, found in pinned.items() if len(found) > 1} == {}
