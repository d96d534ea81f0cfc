"""Strict base64url (RFC 7515 section 2) and strict JSON (RFC 8259, RFC 7493 section 2.3).

Both directions are total: text in gives a value or an UndersignError. Parsed objects and arrays are read-only, so
what a verifier hands out cannot be changed after the check.
"""

from __future__ import annotations

import json
import math
import re
from binascii import Error as BinasciiError
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from .errors import DuplicateNameError, InvalidBase64Error, InvalidJSONError, LimitError, PolicyError, quoted
from .limits import DEFAULT, Limits

__all__ = [
    "FrozenDict",
    "FrozenList",
    "b64url_decode",
    "b64url_decode_padded",
    "b64url_encode",
    "dump_json",
    "freeze",
    "int_from_b64url",
    "int_to_b64url",
    "parse_json",
    "parse_object",
]

# ── base64url ──────────────────────────────────────────────────────────────────────────────────────────────────

_ALPHABET: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# '+', '/' and '=' become NUL, which strict_mode refuses: one C call then checks the whole alphabet.
_TO_BASE64: Final = bytes.maketrans(b"-_+/=", b"+/\0\0\0")
_FROM_BASE64: Final = bytes.maketrans(b"+/", b"-_")
_LAST_OF_2: Final = frozenset(_ALPHABET[::16])  # one octet: the last character's low four bits are zero
_LAST_OF_3: Final = frozenset(_ALPHABET[::4])  # two octets: its low two bits are zero


def b64url_encode(octets: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 section 2)."""
    return encode_segment(octets).decode("ascii")


def encode_segment(octets: bytes) -> bytes:
    """Encode as `b64url_encode` does, for callers that want ASCII bytes (the hot path)."""
    return b2a_base64(octets, newline=False).translate(_FROM_BASE64, b"=")


def b64url_decode(text: str | bytes) -> bytes:
    """Decode canonical base64url: no padding, no other character, spare bits zero.

    Raises:
        InvalidBase64Error: The text is anything else.
    """
    if isinstance(text, str):
        try:
            text = text.encode("ascii")
        except UnicodeEncodeError:
            raise InvalidBase64Error("The base64url text holds a character outside ASCII.") from None
    return decode_segment(text)


def decode_segment(text: bytes) -> bytes:
    """Decode as `b64url_decode` does, for callers that hold ASCII bytes already (the hot path)."""
    rest = len(text) & 3
    try:
        if rest == 0:
            return a2b_base64(text.translate(_TO_BASE64), strict_mode=True)
        if rest == 3 and text[-1] in _LAST_OF_3:
            return a2b_base64(text.translate(_TO_BASE64) + b"=", strict_mode=True)
        if rest == 2 and text[-1] in _LAST_OF_2:
            return a2b_base64(text.translate(_TO_BASE64) + b"==", strict_mode=True)
    except BinasciiError:
        raise InvalidBase64Error("A segment holds a character that base64url does not have.") from None
    if rest == 1:
        raise InvalidBase64Error("A segment's length is one that base64url cannot produce.")
    raise InvalidBase64Error("A segment has spare bits set, or a character that base64url does not have.")


def b64url_decode_padded(text: bytes) -> bytes:
    """Decode base64url that may carry its padding, for the ``padding`` quirk; all else is as strict as ever.

    Raises:
        InvalidBase64Error: The text is not base64url, or its padding is not exactly what its length asks for.
    """
    bare = text.rstrip(b"=")
    if len(bare) != len(text) and (len(text) & 3 or len(text) - len(bare) > 2):
        raise InvalidBase64Error("A segment's padding does not fit its length.")
    return decode_segment(bare)


def int_from_b64url(text: str) -> int:
    """Read a Base64urlUInt (RFC 7518 section 2): big-endian, no leading zero octet.

    Raises:
        InvalidBase64Error: The text is not base64url, is empty or begins with a zero octet.
    """
    octets = b64url_decode(text)
    if not octets or (octets[0] == 0 and len(octets) > 1):
        raise InvalidBase64Error("A Base64urlUInt is empty or has leading zero octets (RFC 7518 section 2).")
    return int.from_bytes(octets, "big")


def int_to_b64url(number: int) -> str:
    """Write a Base64urlUInt (RFC 7518 section 2)."""
    return b64url_encode(number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big"))


# ── read-only JSON values ──────────────────────────────────────────────────────────────────────────────────────


def _read_only(*_: object, **__: object) -> NoReturn:
    msg = "This value was verified and is read-only; copy it with dict() or list() to change it."
    raise TypeError(msg)


class FrozenDict(dict[str, Any]):
    """A JSON object as it was parsed; equal to a dict of the same members, and read-only."""

    __slots__ = ()
    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _read_only

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """A JSON array as it was parsed; equal to a list of the same elements, and read-only."""

    __slots__ = ()
    __setitem__ = __delitem__ = append = clear = extend = insert = pop = remove = reverse = sort = _read_only
    __iadd__ = __imul__ = _read_only

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        return list, (list(self),)


def freeze(value: Any) -> Any:
    """Copy a JSON value into read-only objects and arrays."""
    if isinstance(value, Mapping):
        return FrozenDict((name, freeze(member)) for name, member in value.items())
    if isinstance(value, (list, tuple)):
        return FrozenList(map(freeze, value))
    return value


_SPACE: Final = " \t\n\r"

# ── JSON in ────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_object(octets: bytes, limits: Limits = DEFAULT) -> FrozenDict:
    """Parse a JSON object from UTF-8, read-only.

    Raises:
        DuplicateNameError: A name occurs twice in one object, at any depth.
        InvalidJSONError: Not UTF-8, not JSON, not an object, or NaN, Infinity, 1e999 or a lone surrogate in it.
        LimitError: Deeper or with more members than the limits allow.
    """
    value = parse_json(octets, limits)
    if type(value) is not FrozenDict:
        raise InvalidJSONError(f"A JSON object was expected, not {_kind(value)}.")
    return value


def parse_json(octets: bytes, limits: Limits = DEFAULT) -> Any:
    """Parse any JSON value from UTF-8, read-only; raises as `parse_object` does."""
    nested = True
    try:
        # 1. UTF-8, strictly: no byte order mark, no other encoding.
        text = octets.decode()
        # 2. Caps come before parsing. Brackets in strings count too: that only has the exact count run more often.
        nested = "[" in text or text.find("{", 1) != -1
        if len(text) > limits.members or (nested and text.count("[") + text.count("{") > limits.depth):
            _check_shape(octets, limits)
        # 3. JSON, with every name once. In an object without others in it every name but the first has a comma before
        #    it, and every name a colon behind it, so where there are fewer commas than members, or no more colons, no
        #    name stood twice, and none need be looked at.
        value, end = _scan(text, 0) if nested else _scan_flat(text, 0)
        if not nested and type(value) is FrozenDict and text.count(",") >= len(value) and _colons(text) > len(value):
            value, end = _scan(text, 0)
    except (StopIteration, RecursionError, ValueError) as error:
        value, end, text = _again(octets, error, limits)
    if end != len(text) and text[end:].strip(_SPACE):
        raise InvalidJSONError("There is text after the JSON value.")
    # 4. Escapes can spell what UTF-8 cannot: half of a surrogate pair.
    if "\\" in text:
        _check_surrogates(value)
    return _freeze_arrays(value) if nested else value


def _colons(text: str) -> int:
    """Count the colons behind a quote or white space, among which are all that stand behind names."""
    if "\n" in text or "\t" in text or "\r" in text:  # nobody's tokens: not worth three counts
        return text.count(":")
    return text.count('":') + text.count(" :")


def _again(octets: bytes, error: Exception, limits: Limits) -> tuple[Any, int, str]:
    """Say what was wrong, or scan once more behind white space, which the scanner does not skip at the start."""
    if isinstance(error, UnicodeDecodeError):
        raise InvalidJSONError("The JSON text is not UTF-8.") from None
    if isinstance(error, RecursionError):
        raise LimitError("The JSON text nests too deep.") from None
    if isinstance(error, json.JSONDecodeError):
        raise InvalidJSONError(f"The text is not JSON: {error.msg} at character {error.pos}.") from None
    if isinstance(error, ValueError):
        raise InvalidJSONError("A JSON number has too many digits.") from None
    text = octets.decode()
    bare = text.lstrip(_SPACE)
    if not bare or len(bare) == len(text):
        raise InvalidJSONError("The text is not JSON.") from None
    return parse_json(bare.encode(), limits), len(text), text


def _members(pairs: list[tuple[str, Any]]) -> FrozenDict:
    members = FrozenDict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise DuplicateNameError(f"The JSON object has the name {quoted(name)} twice.")
            seen.add(name)
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidJSONError("A JSON number is too large.")
    return number


def _constant(name: str) -> NoReturn:
    raise InvalidJSONError(f"{name} is not JSON.")


_decoder: Final[Any] = json.JSONDecoder(object_pairs_hook=_members, parse_float=_finite, parse_constant=_constant)
# The C scanner itself: JSONDecoder.decode would add two regular expressions and two calls.
_scan: Final[Callable[[str, int], tuple[Any, int]]] = _decoder.scan_once
# The same without a call into Python for each object: it does not see a name that stands twice.
_flat_decoder: Final[Any] = json.JSONDecoder(object_hook=FrozenDict, parse_float=_finite, parse_constant=_constant)
_scan_flat: Final[Callable[[str, int], tuple[Any, int]]] = _flat_decoder.scan_once


_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_STRUCTURE: Final = re.compile(rb"[^][{}]+")


def _check_shape(octets: bytes, limits: Limits) -> None:
    """Count depth and members exactly, strings left out, before anything is built."""
    if len(octets) > 2 * limits.token:
        raise LimitError(f"The JSON text is longer than {2 * limits.token} octets.")
    bare = _STRING.sub(b"", octets)
    if bare.count(b",") + bare.count(b":") + bare.count(b"[") + bare.count(b"{") > limits.members:
        raise LimitError(f"The JSON text has more than {limits.members} members.")
    brackets = _STRUCTURE.sub(b"", bare)
    if len(brackets) > 2 * limits.members:
        raise LimitError(f"The JSON text has more than {limits.members} members.")
    depth = 0
    for bracket in brackets:
        depth += 1 if bracket in b"[{" else -1
        if depth > limits.depth:
            raise LimitError(f"The JSON text nests deeper than {limits.depth}.")


def _check_surrogates(value: Any) -> None:
    try:
        "".join(_encode(value, 0)).encode()
    except UnicodeEncodeError:
        raise InvalidJSONError("A JSON string holds half of a surrogate pair.") from None


def _freeze_arrays(value: Any) -> Any:
    """Replace lists, which the C scanner makes itself, by read-only ones; objects are read-only already."""
    if type(value) is list:
        return FrozenList(map(_freeze_arrays, value))
    if type(value) is FrozenDict:
        for name, member in value.items():
            if type(member) is list or type(member) is FrozenDict:
                dict.__setitem__(value, name, _freeze_arrays(member))
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return next((word for kind, word in names.items() if isinstance(value, kind)), "a number")


# ── JSON out ───────────────────────────────────────────────────────────────────────────────────────────────────


def dump_json(value: Any) -> bytes:
    """Write a JSON value compactly, in UTF-8, its members in their order.

    Raises:
        PolicyError: The value holds NaN, Infinity, a lone surrogate, a name that is not a string, a cycle, or
            something that JSON does not have.
    """
    return to_utf8(encode_json(value))


def encode_json(value: Any) -> str:
    """Write as `dump_json` does, as text that `to_utf8` must still take."""
    _check_names(value, 0)
    return encode_flat(value)


def encode_flat(value: Any) -> str:
    """Write a value whose names are known to be strings (the hot path)."""
    try:
        return "".join(_encode(value, 0))
    except (TypeError, ValueError, RecursionError) as error:
        raise _not_writable(error) from None


def encode_strings(*strings: str) -> str:
    """Write an array of strings, as `encode_flat` writes their list."""
    try:
        return f"[{','.join(map(_encode_string, strings))}]"
    except TypeError:  # one is none, against its type
        return encode_flat(list(strings))


def to_utf8(text: str) -> bytes:
    """Encode JSON text.

    Raises:
        PolicyError: It holds half of a surrogate pair.
    """
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise _not_writable(error) from None


def _not_writable(error: Exception) -> PolicyError:
    if isinstance(error, UnicodeEncodeError):
        return PolicyError("A string holds half of a surrogate pair, which UTF-8 cannot spell.")
    if isinstance(error, ValueError):
        return PolicyError("NaN, Infinity and cycles cannot be written as JSON.")
    return PolicyError(
        "The value holds something that JSON does not have.", help="Use str, int, float, bool, None, list and dict."
    )


_NAMELESS: Final = frozenset({str, int, float, bool, type(None)})


def _check_names(value: Any, depth: int) -> None:
    # json would turn the name 1 into "1", and so could write one name twice.
    if depth > DEFAULT.depth:
        raise PolicyError(f"The value nests deeper than {DEFAULT.depth}.")
    if isinstance(value, dict):
        try:
            "".join(value)  # one C call looks at every name
        except TypeError:
            raise PolicyError("A JSON object's names must be strings.") from None
        value = value.values()
    elif not isinstance(value, (list, tuple)):
        return
    for member in value:
        if type(member) not in _NAMELESS:
            _check_names(member, depth + 1)


_encoder: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


_encode_string: Final[Callable[[str], str]] = json.encoder.encode_basestring


def _prepared_encoder() -> Callable[[Any, int], Iterable[str]]:
    """Build the C encoder once; JSONEncoder.encode would build one for each call."""
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # an interpreter without the C accelerator
        return lambda value, _: (_encoder.encode(value),)
    encoder: Callable[[Any, int], Iterable[str]] = make(
        None, _encoder.default, _encode_string, None, ":", ",", False, False, False
    )
    return encoder


_encode: Final = _prepared_encoder()
