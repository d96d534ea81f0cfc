"""Claims to places: which targets exist, and which values may not be placed (research Appendix D)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undersign.errors import PolicyError, RuleDeniedError
from undersign.signing.mapping import parse, place


@pytest.mark.parametrize(
    "name",
    [
        "alg",
        "kid",
        "crit",
        "b64",
        "typ",
        "cty",
        "jwk",
        "jku",
        "x5c",
        "x5u",
        "x5t#S256",
        "X5T",
        "ALG",
        "sub",
        "sigT",
        "etsiU",
    ],
)
def test_header_names_with_a_meaning_are_closed(name):
    """A caller's token never chooses a header parameter that a standard defines."""
    with pytest.raises(PolicyError):
        parse(f"jws.header.{name}", "token.sub")


@pytest.mark.parametrize(
    "target", ["", "log.", "jws.header.", "jws.header.a b", "jws.header.a\n", "subject.CN", "log.ä", "log." + "a" * 65]
)
def test_targets_are_a_closed_set(target):
    """A target that is unknown, empty or oddly spelled is refused when the server starts."""
    with pytest.raises(PolicyError):
        parse(target, "token.sub")


@pytest.mark.parametrize("source", ["", "token", "token.", "env.HOME", "const:", "request", "sub"])
def test_sources_are_a_closed_set(source):
    """A source is a claim, a fact of the request or a constant, and nothing else."""
    with pytest.raises(PolicyError):
        parse("log.user", source)


@pytest.mark.parametrize(
    "value",
    [
        "",
        " padded",
        "padded ",
        "a\r\nlevel: forged",
        "nul\0",
        "rtl\u202etxt.exe",
        "zero\u200bwidth",
        "line\u2028separator",
        "\ud800",
        "x" * 257,
        5,
        True,
        None,
        ["a"],
        {"a": "b"},
    ],
    ids=range(15),
)
def test_values_that_could_mislead_are_refused(value):
    """A value that is no text, too long, or holds what a reader cannot see is refused with the request."""
    with pytest.raises(RuleDeniedError) as caught:
        place((parse("jws.header.title", "token.title"),), {"title": value}, {})

    assert caught.value.failed[0][0] == "map jws.header.title"


def test_a_claim_reaches_the_protected_header():
    """A mapped claim is placed under the name that the worker's configuration gives it."""
    entries = (parse("jws.header.signed-for", "token.client_id"), parse("log.subject", "token.sub"))
    placed = place(entries, {"client_id": "app", "sub": "ana"}, {})

    assert (placed.header, placed.log) == ((("signed-for", "app"),), (("subject", "ana"),))


def test_an_absent_claim_is_refused():
    """A claim that is not there is no empty value."""
    with pytest.raises(RuleDeniedError):
        place((parse("log.user", "token.name"),), {"sub": "ana"}, {"name": "from the request"})


def test_name_spaces_do_not_shadow_one_another():
    """A claim named like a fact of the request is only ever a claim."""
    entries = (parse("log.a", "token.ip"), parse("log.b", "request.ip"), parse("log.c", "const:token.ip"))
    placed = place(entries, {"ip": "claimed"}, {"ip": "192.0.2.1"})

    assert placed.log == (("a", "claimed"), ("b", "192.0.2.1"), ("c", "token.ip"))


def test_nested_claims():
    """A path goes down objects, and never into a text."""
    entry = (parse("log.city", "token.address.city"),)

    assert place(entry, {"address": {"city": "Porto"}}, {}).log == (("city", "Porto"),)
    with pytest.raises(RuleDeniedError):
        place(entry, {"address": "city", "address.city": "Porto"}, {})


@given(st.text(min_size=1, max_size=60))
def test_what_is_placed_is_what_was_claimed(value):
    """A value is placed whole and unchanged, or not at all."""
    try:
        placed = place((parse("jws.header.title", "token.title"),), {"title": value}, {})
    except RuleDeniedError:
        return
    assert placed.header == (("title", value),)
