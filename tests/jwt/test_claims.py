"""The Claims Set: types, dates and what is free (RFC 7519 sections 2 to 4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from undersign import jwk, jws, jwt
from undersign.encoding import dump_json
from undersign.errors import ClaimTypeError, InvalidJSONError, PolicyError

KEY = jwk.generate("HS256")
LAX: dict[str, Any] = {"waive": ("iss", "aud", "exp")}
WRONG = {
    **{key: [1, None, [], {}, True, ["x"]] for key in ("iss", "sub", "jti")},
    **{key: ["1", None, [], True, {"a": 1}] for key in ("exp", "nbf", "iat")},
    "aud": [1, None, [], {}, [1], ["a", None], True],
}


@pytest.mark.parametrize("name", WRONG)
def test_registered_claims_have_types(name: str) -> None:
    """Each of the seven registered claims is refused in any type but its own, when verifying, whatever is waived."""
    for value in WRONG[name]:
        with pytest.raises(ClaimTypeError) as caught:
            jwt.verify(jws.sign(dump_json({name: value}), KEY), KEY, **LAX)
        assert (caught.value.claim, caught.value.reason) == (name, "type")


def test_custom_claims_pass_through() -> None:
    """Any other claim may have any JSON value, and comes back as it went in."""
    claims = {"a": None, "b": [1, 2.5, "x", {"y": False}], "\u00e9": "\U0001f600", "": 0, "n": 2**70, "http://x/": -1}
    assert jwt.verify(jwt.sign(claims, KEY, lifetime=None), KEY, **LAX).claims == claims


def test_a_payload_that_is_no_object_is_refused() -> None:
    """A JWT's payload is one JSON object; a list, a text or octets are refused though the signature holds."""
    for payload in (b"[]", b'"a"', b"1", b"null", b"", b"\xff", b"{} {}"):
        with pytest.raises(InvalidJSONError):
            jwt.verify(jws.sign(payload, KEY), KEY, **LAX)


def test_dates_are_numbers_or_datetimes() -> None:
    """Dates are integers, floats or aware datetimes of any zone, also beyond 32 bits; naive ones are refused."""
    moment = datetime(2040, 1, 1, tzinfo=UTC)
    for value in (
        moment,
        moment.astimezone(timezone(timedelta(hours=-7))),
        moment.timestamp(),
        int(moment.timestamp()),
    ):
        token = jwt.sign({"exp": value, "nbf": 1.5, "iat": datetime(2020, 1, 1, tzinfo=UTC)}, KEY)
        claims = jwt.verify(token, KEY, waive=("iss", "aud")).claims
        assert claims["exp"] == 2208988800
        assert claims["nbf"] == 1.5
        assert claims["iat"] == 1577836800
    far = jwt.sign({"exp": 4622470422}, KEY)
    assert jwt.verify(far, KEY, waive=("iss", "aud")).claims["exp"] == 4622470422
    for value in (datetime(2040, 1, 1), moment.date(), "2040-01-01", True, [], float("nan"), float("inf")):  # noqa: DTZ001 - without a zone
        with pytest.raises((PolicyError, ClaimTypeError)):
            jwt.sign({"exp": value}, KEY)
