"""Strict base64url and strict JSON, at the door itself."""

from __future__ import annotations

import itertools
import json

import pytest

from undersign import encoding
from undersign.errors import DuplicateNameError, InvalidBase64Error, InvalidJSONError, LimitError, PolicyError
from undersign.limits import Limits


@pytest.mark.parametrize(
    "text", ["QQ==", "QQ=", "QR", "QQ\n", " QQ", "Q", "QQQQQ", "+w", "/w", "Q.", "\u00e9", "QQ\0", "=", "A==="]
)
def test_padding_and_foreign_characters_are_refused(text: str) -> None:
    """Only canonical base64url decodes: no padding, no plus or slash, no white space, no spare bits."""
    with pytest.raises(InvalidBase64Error):
        encoding.b64url_decode(text)


def test_the_padding_quirk_takes_exactly_the_padding_that_belongs() -> None:
    """With the quirk the right padding may be there, and everything else stays as strict."""
    for good in (b"QQ", b"QQ==", b"QUI", b"QUI=", b"QUJD", b""):
        assert encoding.b64url_decode_padded(good) == encoding.b64url_decode(good.rstrip(b"="))
    for bad in (b"QQ=", b"QUI==", b"QUJD=", b"QUJD====", b"Q=Q=", b"=", b"QR=="):
        with pytest.raises(InvalidBase64Error):
            encoding.b64url_decode_padded(bad)


def test_numbers_have_one_spelling() -> None:
    """A Base64urlUInt is not empty and has no leading zero octet; zero is one zero octet (RFC 7518 section 2)."""
    assert encoding.int_to_b64url(0) == "AA"
    assert encoding.int_from_b64url("AQAB") == 65537
    for bad in ("", "AAEAAQ", "AAA"):
        with pytest.raises(InvalidBase64Error):
            encoding.int_from_b64url(bad)


def test_names_stand_once() -> None:
    """A name that stands twice in one object is refused; in two objects it may stand."""
    assert encoding.parse_object(b'{"a":{"a":1},"b":[{"a":1},{"a":2}]}')["b"][1]["a"] == 2
    for text in (b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"x":[{"a":1,"b":2,"a":3}]}'):
        with pytest.raises(DuplicateNameError):
            encoding.parse_object(text)


def test_names_stand_once_whatever_the_strings_hold() -> None:
    """Commas in strings, white space and the order hide no name that stands twice, and make none of one."""
    members = ['"a":1', '"a" : ",,"', '"a"\n:",,,,"', '":":",\\":"', '"b":","', '"b":"x"', '"c,":2', '"\\u0061":3']
    for count in range(5):
        for chosen in itertools.product(members, repeat=count):
            text = "{" + " , ".join(chosen) + "}"
            pairs = json.loads(text, object_pairs_hook=list)
            if len(dict(pairs)) == len(pairs):
                assert encoding.parse_object(text.encode()) == dict(pairs)
            else:
                with pytest.raises(DuplicateNameError):
                    encoding.parse_object(text.encode())


def test_limits_are_exact() -> None:
    """Depth and members are counted outside strings, and the value at the limit is read."""
    limits = Limits(depth=3, members=10)
    assert encoding.parse_json(b'[[["{{{[[[,,,,,,,,,,,,:::::"]]]', limits)
    with pytest.raises(LimitError):
        encoding.parse_json(b"[[[[]]]]", limits)
    assert len(encoding.parse_json(b"[1,2,3,4,5,6,7,8]", limits)) == 8
    with pytest.raises(LimitError):
        encoding.parse_json(b"[1,2,3,4,5,6,7,8,9,0,1,2]", limits)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1: 2}, {"a": {None: 1}}, b"x", {"a": {1, 2}}, "\ud800", object()]
)
def test_what_json_does_not_have_is_not_written(value: object) -> None:
    """NaN, names that are no strings, octets, sets and half a surrogate pair are refused when writing."""
    with pytest.raises(PolicyError):
        encoding.dump_json(value)


def test_a_cycle_is_not_written() -> None:
    """A list or an object that holds itself is refused, not followed."""
    turns: list[object] = []
    turns.append({"a": turns})
    with pytest.raises(PolicyError):
        encoding.dump_json(turns)


def test_json_is_written_compactly_in_order_and_in_utf_8() -> None:
    """No white space, members in their order, text as it is."""
    assert encoding.dump_json({"b": [1, True, None], "a": "\u00e9\n"}) == '{"b":[1,true,null],"a":"\u00e9\\n"}'.encode()


def test_white_space_around_json_is_json() -> None:
    """Space, tab and line ends around the value are allowed, and nothing else (RFC 8259 section 2)."""
    assert encoding.parse_json(b" \t\r\n{} \n") == {}
    for text in (b"\x0c{}", b"{}\xc2\xa0", b"\xe2\x80\x8b{}", b"{}x"):
        with pytest.raises(InvalidJSONError):
            encoding.parse_json(text)
