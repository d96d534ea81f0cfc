"""The rule language: what it reads, and what missing, mistyped and hostile values come to (safety rule 17)."""

import re
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undersign.access.rules import Facts, Leaf, Rule, allow_any
from undersign.errors import PolicyError, RuleDeniedError

NOW = 1_800_000_000


def verdict(text, claims=None, request=None):
    return Rule.parse("r", text).evaluate(Facts(claims or {}, request or {}, NOW)).verdict


FINANCE = "scope has 'sign:contracts' and groups has 'finance' and count(amr) >= 2 and age(auth_time) < 300"
GOOD = {"scope": "openid sign:contracts", "groups": ["finance", "it"], "amr": ["pwd", "otp"], "auth_time": NOW - 10}


def test_a_rule_holds_or_denies():
    """The rule that the settings example shows holds for the token it was written for, and denies another."""
    rule = Rule.parse("finance-mfa", FINANCE)

    rule.check(Facts(GOOD, {}, NOW))
    with pytest.raises(RuleDeniedError):
        rule.check(Facts(GOOD | {"groups": ["it"]}, {}, NOW))


@pytest.mark.parametrize(
    "text,value",
    [
        ("v == 'text'", "text"),
        ("v == 1.5", 1.5),
        ("v == true", True),
        ("v has 'b'", ["a", "b"]),
        ("v.inner.name == 'x'", {"inner": {"name": "x"}}),
        ("not present(v.gone)", {}),
    ],
)
def test_a_rule_reads_claims_of_every_json_type(text, value):
    """Strings, numbers, booleans, lists and objects can each be asked for."""
    assert verdict(text, {"v": value}) == "held"


@pytest.mark.parametrize("name", sorted(GOOD))
def test_each_missing_claim_denies(name):
    """Taking any one claim away turns the rule into missing, negated or not."""
    claims = {key: value for key, value in GOOD.items() if key != name}

    assert verdict(FINANCE, claims) == "missing"
    assert verdict(f"not ({FINANCE})", claims) == "missing"


@pytest.mark.parametrize(
    "text,claims,expected",
    [
        ("sub == 'ana'", {"sub": "ana"}, "held"),
        ('sub == "ana"', {"sub": "bob"}, "failed"),
        ("sub != 'ana'", {"sub": "bob"}, "held"),
        ("token.sub != 'ana'", {}, "missing"),
        ("level >= 2", {"level": 2.0}, "held"),
        ("level < 2", {"level": 2}, "failed"),
        ("2 <= level", {"level": 3}, "held"),
        ("level == -1.5", {"level": -1.5}, "held"),
        ("sub in ['ana', 'bob']", {"sub": "bob"}, "held"),
        ("level in [1, 2]", {"level": 3}, "failed"),
        ("address.country == 'PT'", {"address": {"country": "PT"}}, "held"),
        ("token.address.country == 'PT'", {"address": "PT"}, "missing"),
        ("token['https://x.example/role'].name == 'a'", {"https://x.example/role": {"name": "a"}}, "held"),
        ("email_verified == true", {"email_verified": True}, "held"),
        ("email_verified == false", {"email_verified": True}, "failed"),
        ("sub starts_with 'a'", {"sub": "ana"}, "held"),
        ("sub starts_with 'na'", {"sub": "ana"}, "failed"),
        ("present(sub)", {"sub": ""}, "held"),
        ("not present(sub)", {}, "held"),
        ("present(sub)", {}, "failed"),
        ("not present(sub)", {"sub": None}, "missing"),
        ("not present(a.b)", {"a": "text"}, "missing"),
        ("a == 1 or b == 2", {"b": 2}, "held"),
        ("a == 1 or b == 2", {"b": 3}, "missing"),
        ("a == 1 and b == 2", {"b": 3}, "failed"),
        ("not not a == 1", {"a": 1}, "held"),
        ("a == 1 or b == 1 and c == 1", {"a": 1, "b": 0, "c": 0}, "held"),
        ("(a == 1 or b == 1) and c == 1", {"a": 1, "b": 0, "c": 0}, "failed"),
        ("present == 1", {"present": 1}, "held"),
        ("a.and == 1", {"a": {"and": 1}}, "held"),
        ("sub == client_id", {"sub": "c1", "client_id": "c1"}, "held"),
        ("sub == client_id", {"sub": "c1", "client_id": 1}, "missing"),
    ],
)
def test_conditions(text, claims, expected):
    """Each operator holds, fails or is missing as its row says."""
    assert verdict(text, claims) == expected


def test_request_and_token_are_apart():
    """A claim cannot stand in for a value of the request, nor the other way round."""
    assert verdict("request.ip == '10.0.0.1'", {"ip": "10.0.0.1", "request": {"ip": "10.0.0.1"}}) == "missing"
    assert verdict("ip == '10.0.0.1'", {}, {"ip": "10.0.0.1"}) == "missing"
    assert verdict("request.ip == '10.0.0.1'", {}, {"ip": "10.0.0.1"}) == "held"
    assert verdict("token.request == 'x'", {"request": "x"}) == "held"


# -- the attacks of the threat list, item 35 --


@pytest.mark.parametrize(
    "text,claims",
    [
        ("not blocked == true", {}),
        ("not blocked == true", {"blocked": "no"}),
        ("not groups has 'guests'", {}),
        ("not groups has 'guests'", {"groups": "staff"}),
        ("not groups has 'guests'", {"groups": ["staff", 1]}),
        ("not sub in ['mallory']", {"sub": 1}),
        ("not sub matches '*mallory*'", {}),
        ("not age(auth_time) > 300", {"auth_time": NOW + 1}),
        ("not count(amr) < 2", {"amr": "pwd otp"}),
        ("a != 1", {"a": True}),
        ("a != 'x'", {"a": ["x"]}),
        ("not (a == 1 and b == 1)", {"a": 1}),
    ],
)
def test_missing_or_mistyped_denies_under_not(text, claims):
    """Negation never turns a value that is absent or of another type into a permission."""
    assert verdict(text, claims) == "missing"


@pytest.mark.parametrize("scope", ["design", "sign:contracts", "resign sign2", "SIGN", "openid\tsign", "sign\n"])
def test_has_compares_whole_words_of_scope(scope):
    """'sign' is not in a scope that merely contains those letters."""
    assert verdict("scope has 'sign'", {"scope": scope}) != "held"


def test_has_on_another_string_is_mistyped():
    """Only scope is a list of words; a string elsewhere is never searched."""
    assert verdict("groups has 'finance'", {"groups": "finance"}) == "missing"


@pytest.mark.parametrize("when", [NOW + 1, NOW + 10**9, True, "1", -(10**400), 10**400, float("nan"), float("-inf")])
def test_future_and_senseless_dates_deny(when):
    """age() of a date to come, or of what is no date, is missing however it is compared."""
    assert verdict("age(auth_time) < 300", {"auth_time": when}) == "missing"
    assert verdict("age(auth_time) >= 0", {"auth_time": when}) == "missing"


@pytest.mark.parametrize(
    "text,value", [("a == 1", True), ("a == true", 1), ("a == 0", False), ("a == 1", "1"), ("a in [1]", True)]
)
def test_true_is_not_one(text, value):
    """JSON's booleans, numbers and strings never equal one another."""
    assert verdict(text, {"a": value}) == "missing"


def test_count_is_of_distinct_values():
    """Saying 'pwd' twice is one factor."""
    assert verdict("count(amr) >= 2", {"amr": ["pwd", "pwd"]}) == "failed"


@pytest.mark.parametrize("value", ["admin\n", "\nadmin", "admin ", "xadmin", "admin\x00"])
def test_matching_is_anchored(value):
    """A pattern without a star is the whole value; neither a newline nor a prefix slips by."""
    assert verdict("role matches 'admin'", {"role": value}) != "held"


@pytest.mark.parametrize("value", ["eve@evil.example\n@good.example", "a@good.example\n", "a\x85@good.example"])
def test_star_does_not_cross_control_characters(value):
    """A value with a control character in it matches nothing, and denies under not."""
    assert verdict("email matches '*@good.example'", {"email": value}) == "missing"
    assert verdict("not email matches '*@evil.example'", {"email": value}) == "missing"


@pytest.mark.parametrize(
    "pattern,value,expected",
    [
        ("*", "", True),
        ("a*", "a", True),
        ("a*a", "a", False),
        ("ab*ba", "aba", False),
        ("*b*", "abc", True),
        ("a*b*c", "a-b-b-c", True),
        ("a*b*c", "a-c-b", False),
        ("**", "x", True),
        ("a.c", "abc", False),
        ("[a-z]", "b", False),
        ("?", "b", False),
    ],
)
def test_glob(pattern, value, expected):
    """The star is the only sign; all else stands for itself."""
    assert (verdict(f"v matches '{pattern}'", {"v": value}) == "held") is expected


def test_matching_is_linear():
    """The pattern that takes a backtracking matcher half a minute takes no time here."""
    rule = Rule.parse("r", "v matches '" + "*a" * 100 + "*b'")
    started = time.perf_counter()

    assert rule.evaluate(Facts({"v": "a" * 4096}, {}, NOW)).verdict == "failed"
    assert time.perf_counter() - started < 0.5


def test_values_over_the_cap_are_missing():
    """A string over 4 KiB, or a list over 1024 entries, is not looked at."""
    assert verdict("v matches '*'", {"v": "a" * 4096}) == "held"
    assert verdict("v matches '*'", {"v": "a" * 4097}) == "missing"
    assert verdict("v == v", {"v": "é" * 2049}) == "missing"
    assert verdict("v has 'a'", {"v": ["a"] * 1025}) == "missing"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "scope",
        "not",
        "()",
        "a == ",
        "a = 1",
        "a == 'x",
        "a == 'x\\'y'",
        "1 == 1",
        "'x' in groups",
        "a < 'x'",
        "count(a) == 'x'",
        "a in []",
        "a in [1, 'x']",
        "a in b",
        "a has 1",
        "a has ''",
        "a matches b",
        "count(a)",
        "count(a) has 'x'",
        "a == 1 b == 2",
        "a == 1 and",
        "(a == 1",
        "a == 1)",
        "a < 1 < 2",
        "__import__('os')",
        "token == 1",
        "request == 1",
        "a..b == 1",
        "a == 1e9",
        "a == 'x'; b",
        "a && b",
        "a == 1" + " and a == 1" * 40,
        "(" * 33 + "a == 1" + ")" * 33,
        "not " * 33 + "a == 1",
        "a == '" + "x" * 4096 + "'",
        "é == 1",
        "a == 'x\ny'",
    ],
)
def test_what_is_not_a_rule_is_refused(text):
    """Text outside the grammar or over the caps is refused when it is parsed, with a place."""
    with pytest.raises(PolicyError, match="ule"):
        Rule.parse("r", text)


@given(st.text(max_size=200) | st.text(alphabet=string.printable, max_size=60))
def test_any_text_parses_or_is_refused(text):
    """No text brings anything but a rule or a PolicyError."""
    try:
        rule = Rule.parse("r", text)
    except PolicyError:
        return
    assert rule.evaluate(Facts({}, {}, NOW)).verdict in {"held", "failed", "missing"}


WORDS = [
    "a",
    "b.c",
    "token.x",
    "request.ip",
    "==",
    "<",
    "has",
    "in",
    "[",
    "]",
    "(",
    ")",
    "and",
    "or",
    "not",
    "'s'",
    "1",
    ",",
    "present(a)",
    "count(a)",
    "age(a)",
    "true",
    "matches",
]


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join))
def test_any_words_parse_or_are_refused(text):
    """Nor does any sequence of the language's own words."""
    test_any_text_parses_or_is_refused.hypothesis.inner_test(text)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["pwd", "finance", "sign:contracts openid"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
    max_leaves=6,
)
LEAVES = [
    "a == 1",
    "b.a == 'x'",
    "scope has 's'",
    "count(amr) >= 2",
    "age(t) < 9",
    "c matches 'x*'",
    "b in ['x']",
    "a != b",
]
trees = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: (
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
        | inner.map(lambda t: f"not {t}")
    ),
    max_leaves=8,
)


@given(trees, st.dictionaries(st.sampled_from(["a", "b", "c", "scope", "amr", "t"]), json_values))
def test_negation_swaps_held_and_failed_and_keeps_missing(text, claims):
    """A rule and its negation never both hold, and missing stays missing."""
    swapped = {"held": "failed", "failed": "held", "missing": "missing"}

    assert verdict(f"not ({text})", claims) == swapped[verdict(text, claims)]


@given(trees, st.dictionaries(st.sampled_from(["a", "b", "c", "scope", "amr", "t"]), json_values), st.data())
def test_taking_a_claim_away_never_permits(text, claims, data):
    """What holds without a claim holds with it: the absent never opens a door."""
    kept = {name: value for name, value in claims.items() if data.draw(st.booleans())}
    if verdict(text, kept) == "held":
        assert verdict(text, claims) == "held"


@given(st.lists(st.text(alphabet="ab*", max_size=6), max_size=4).map("*".join), st.text(alphabet="ab", max_size=12))
def test_glob_agrees_with_an_oracle(pattern, value):
    """The linear matcher says what a regular expression of the same pattern says."""
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value) is not None
    if pattern:
        assert (verdict(f"v matches '{pattern}'", {"v": value}) == "held") is expected


# -- reports --


def test_report_keeps_each_leafs_words():
    """Every condition appears with its own text, negation included, and its verdict."""
    report = Rule.parse("r", "not (a == 1 or present( b )) and  c has 'x'").evaluate(Facts({"a": 1}, {}, NOW))

    assert report.leaves == (
        Leaf("not a == 1", "failed"),
        Leaf("not present( b )", "held"),
        Leaf("c has 'x'", "missing"),
    )


def test_check_names_the_failed_leaves():
    """A denial says which conditions of which rule did not hold."""
    with pytest.raises(RuleDeniedError) as caught:
        Rule.parse("finance-mfa", FINANCE).check(Facts(GOOD | {"auth_time": NOW - 301}, {}, NOW))

    assert caught.value.failed == (("finance-mfa", ("age(auth_time) < 300",)),)


def test_allow_any_takes_the_first_that_holds():
    """One rule that holds is enough, and the report says which."""
    rules = [Rule.parse("one", "a == 1"), Rule.parse("two", "b == 1"), Rule.parse("three", "b == 1")]

    assert allow_any(rules, Facts({"b": 1}, {}, NOW)).rule == "two"


def test_no_rules_deny():
    """An empty list of rules is not a permission."""
    with pytest.raises(RuleDeniedError):
        allow_any((), Facts({}, {}, NOW))
