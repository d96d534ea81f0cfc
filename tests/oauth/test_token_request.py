"""The form of a token request, and what a client may ask for (RFC 6749 section 3.2, RFC 8707)."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.oauth.desk import ISSUER, SIGNING, URN, Desk, assertion, client, raw
from undersign.errors import (
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
    MediaTypeError,
    RequestTooLargeError,
    UnauthorizedClientError,
    UndersignError,
    UnsupportedGrantTypeError,
)
from undersign.oauth.client_auth import METHODS
from undersign.oauth.grants import GRANTS
from undersign.oauth.metadata import describe
from undersign.oauth.token_request import parse

FORM = "grant_type=client_credentials&scope=sign"


@pytest.mark.parametrize("name", ["grant_type", "client_id", "client_assertion", "client_assertion_type", "scope", "x"])
def test_repeated_parameter(name):
    """A parameter that stands there twice is refused, even an unknown one, even with equal values."""
    with pytest.raises(InvalidRequestError):
        parse(raw(f"{FORM}&{name}=a&{name}=a"))


def test_parameters_in_the_query():
    """Nothing is taken from the query."""
    with pytest.raises(InvalidRequestError):
        parse(raw("", query=FORM))


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "application/x-www-form-urlencoded; charset=utf-16",
    ],
)
def test_json_body(content_type):
    """What is no form is refused as such."""
    with pytest.raises(MediaTypeError):
        parse(raw(b'{"grant_type":"client_credentials"}', content_type=content_type))


def test_large_body():
    """A body over the cap is refused before it is read as a form."""
    with pytest.raises(RequestTooLargeError):
        parse(raw("a=" + "b" * 65536))


@pytest.mark.parametrize("body", ["a=%ff", "a", "&".join(f"a{n}=1" for n in range(33)), "a=b\0", "\xff=1", "=&=&"])
def test_malformed_form(body):
    """A form that is no UTF-8, has too many parameters or no shape is refused."""
    with pytest.raises(InvalidRequestError):
        parse(raw(body.encode("latin-1")))


@given(st.binary(max_size=300))
def test_any_body_parses_or_is_refused(body):
    """Whatever octets arrive, a request or an UndersignError comes out."""
    with contextlib.suppress(UndersignError):
        parse(raw(body))


def test_parameter_without_a_value_counts_as_absent():
    """An empty parameter is treated as if it had been left out."""
    assert parse(raw("grant_type=&scope=")).scope is None


@pytest.mark.parametrize("grant", ["password", "authorization_code", "implicit", "client_credentials "])
def test_unknown_grant(grant):
    """A grant that is not built is not served."""
    with pytest.raises(UnsupportedGrantTypeError):
        Desk().ask(assertion(), grant_type=grant)


def test_grant_that_the_client_did_not_register():
    """A client uses the grants it registered."""
    with pytest.raises(UnauthorizedClientError):
        Desk(client(grants=())).ask(assertion())


def test_grant_type_missing():
    """Without a grant there is nothing to do."""
    with pytest.raises(InvalidRequestError):
        Desk().ask(assertion(), grant_type=None)


@pytest.mark.parametrize("scope", ["admin", "sign admin", "sign sign", "sign  audit", " sign"])
def test_scope_beyond_the_clients(scope):
    """A scope that is unknown, repeated or loosely written is refused."""
    with pytest.raises(InvalidScopeError):
        Desk().ask(assertion(), scope=scope)


def test_scope_left_out_gives_the_clients_own():
    """Without a scope, the client gets what it registered."""
    assert Desk().ask(assertion(), scope=None).scope == "sign audit"


@pytest.mark.parametrize(
    "resource", ["https://other.example", ISSUER, SIGNING + "/", [SIGNING, "https://archive.example"]]
)
def test_resource_beyond_the_clients(resource):
    """A resource that is foreign, is the issuer, or is one of two gives no token."""
    with pytest.raises(InvalidTargetError):
        Desk(client(audiences=(SIGNING, "https://archive.example", ISSUER))).ask(assertion(), resource=resource)


def test_resource_left_out():
    """The resource may be left out where the client has one only."""
    with pytest.raises(InvalidRequestError):
        Desk().ask(assertion(), resource=None)

    assert Desk(client(audiences=(SIGNING,))).ask(assertion(), resource=None).access_token


def test_audience_parameter_means_the_same():
    """The parameter audience, which many clients send, names the resource too."""
    assert Desk().ask(assertion(), resource=None, audience="https://archive.example").access_token


def test_metadata_promises_what_the_tables_hold():
    """Metadata names exactly the grants and methods that are built, and the server's own addresses."""
    metadata = describe(ISSUER, scopes=("sign",))

    assert metadata.grant_types_supported == tuple(GRANTS)
    assert metadata.token_endpoint_auth_methods_supported == tuple(METHODS)
    assert metadata.token_endpoint == f"{ISSUER}/token"
    assert not any(alg.startswith(("HS", "none")) for alg in metadata.token_endpoint_auth_signing_alg_values_supported)
    assert URN.endswith("jwt-bearer")
