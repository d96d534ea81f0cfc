"""Keys and dates that a client has in the file are held to what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from undersign import jwk
from undersign.errors import SettingsError
from undersign.settings import check, parse
from undersign.settings.moments import moment

KEY = jwk.generate("ES256")
PUBLIC = json.dumps(KEY.public().to_jwk())


def _problems(tmp_path: Path, lines: str, client: str = "") -> str:
    text = f"""
[server]
url = "http://localhost:8080"
roles = ["authorization"]
[storage]
url = "sqlite:test.db"
[clients.reports]
grants = ["client_credentials"]
scopes = ["sign"]
audiences = ["http://localhost:8080/sign"]
{client}
[[clients.reports.keys]]
name = "one"
{lines}
"""
    return "\n".join(map(str, check(parse(text, folder=tmp_path))))


def test_a_sound_key_has_no_problem(tmp_path: Path) -> None:
    """One public key for signatures, with dates that are dates, is all right."""
    found = _problems(tmp_path, f"jwk = '''{PUBLIC}'''\nnot_before = '2026-01-01'\nnot_after = '2027-01-01T00:00:00Z'")
    assert "reports" not in found


@pytest.mark.parametrize(
    "lines, words",
    [
        (f"jwk = '''{PUBLIC}'''\nnot_before = 'soon'", "is not a date"),
        (f"jwk = '''{PUBLIC}'''\nnot_after = '2999'", "is not a date"),
        (f"jwk = '''{PUBLIC}'''\nusage = 'enc'", "is not for client authentication"),
        (f"jwk = '''{PUBLIC}'''\npem = '''{KEY.public().to_pem()}'''", "exactly one way"),
        ("", "exactly one way"),
        (f"pem = '''{KEY.to_pem(private=True)}'''", "private key was given"),
    ],
)
def test_a_key_that_is_not_what_it_should_be_is_a_problem(lines: str, words: str, tmp_path: Path) -> None:
    """A date that is none, another usage, two spellings, none, and a private key are each named by check."""
    assert words in _problems(tmp_path, lines)


def test_a_date_means_the_same_everywhere() -> None:
    """A date without an offset is UTC, and the end of a period includes its last day."""
    assert moment("2027-01-01") == 1798761600
    assert moment("2027-01-01T01:00:00+01:00") == 1798761600
    assert moment("2027-01-01", end=True) == pytest.approx(1798761600 + 86400, abs=1)
    with pytest.raises(SettingsError):
        moment("soon")
