"""The JOSE header: what it must have, what is critical, and where names may stand (RFC 7515 section 4)."""

from __future__ import annotations

import pytest

from undersign import header
from undersign.encoding import b64url_encode, dump_json
from undersign.errors import InvalidHeaderError, LimitError, UnsupportedCriticalError
from undersign.limits import DEFAULT, Limits


def parse(**members: object) -> header.JOSEHeader:
    """Parse a header of these members."""
    return header.parse(b64url_encode(dump_json(members)).encode(), DEFAULT)


def test_alg_is_required() -> None:
    """A header needs alg, a string, and nothing else."""
    assert parse(alg="HS256").alg == "HS256"
    assert (parse(alg="HS256").kid, parse(alg="HS256").typ, parse(alg="HS256").encoded) == (None, None, True)
    for members in ({}, {"typ": "JWT"}, {"alg": 1}, {"alg": None}):
        with pytest.raises(InvalidHeaderError):
            parse(**members)


def test_an_unknown_crit_is_refused() -> None:
    """A critical name is refused unless the caller understands it; b64 is understood here."""
    with pytest.raises(UnsupportedCriticalError):
        parse(alg="HS256", crit=["exp"], exp=1)
    segment = b64url_encode(dump_json({"alg": "HS256", "crit": ["exp"], "exp": 1})).encode()
    assert header.parse(segment, DEFAULT, ("exp",)).members["exp"] == 1
    assert not parse(alg="HS256", crit=["b64"], b64=False).encoded


def test_a_long_header_is_refused_before_it_is_decoded() -> None:
    """Limits.header counts the encoded header."""
    with pytest.raises(LimitError):
        header.parse(b"!" * 33, Limits(header=32))


def test_types_are_compared_as_media_types() -> None:
    """A typ is compared without case and without application/; text/at+jwt stays what it is."""
    assert header.media_type("application/AT+JWT") == header.media_type("at+jwt") == "at+jwt"
    assert header.media_type("text/at+jwt") != "at+jwt"
    assert header.media_type(None) is None


def test_headers_are_disjoint_and_crit_is_protected() -> None:
    """No name stands in both headers, and neither crit nor b64 in the unprotected one (RFC 7515 section 7.2.1)."""
    header.check_disjoint({"alg": "HS256"}, {"kid": "1"})
    for unprotected in ({"alg": "HS256"}, {"crit": ["x"]}, {"b64": True}, {"kid": 1}):
        with pytest.raises(InvalidHeaderError):
            header.check_disjoint({"alg": "HS256"}, unprotected)
