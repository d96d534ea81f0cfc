"""The configuration file: what it may say, and what is refused before anything is served."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undersign import jwk
from undersign.cli.main import main
from undersign.encoding import dump_json
from undersign.errors import SettingsError
from undersign.jwks import KeySet
from undersign.settings import check, load, parse, secret
from undersign.settings.key_sets import read_key_set
from undersign.settings.reader import _Reader

GOOD = """
[server]
url = "http://localhost:8080"

[storage]
url = "sqlite:var/undersign.db"

[fetch]
timeout = "5s"
[fetch.allow]
as = ["127.0.0.0/8"]

[issuers.as]
iss = "https://as.example"
jwks_uri = "https://as.example/jwks.json"
audience = "http://localhost:8080/sign"
algorithms = ["ES256"]

[tokens.soft]
kind = "software"

[keys.contracts]
token = "soft"
alg = "ES256"
limit = 1_000_000

[rules]
finance = "scope has 'sign' and count(amr) >= 2"

[workers.contracts]
format = "jws"
key = "contracts"
issuers = ["as"]
allow = ["finance"]
[workers.contracts.map]
"jws.header.signer_name" = "token.name"
"log.user" = "token.sub"

[clients.reports]
name = "Reports"
jwks_uri = "https://reports.example/jwks.json"
grants = ["client_credentials"]
scopes = ["sign"]
audiences = ["http://localhost:8080/sign"]
"""


# What the file can already say, and what is refused until it is built.
PLANNED = (
    GOOD.replace("limit = 1_000_000", 'limit = 1_000_000\nrotate = "90d"')
    + """
[users.ana]
name = "Ana Example"
password = "env:ANA_PASSWORD"
"""
)


def parsed(text=GOOD, folder=Path()):
    return parse(text, folder=folder)


def problems(text, **more):
    return [str(problem) for problem in check(parsed(text), **more)]


def test_a_good_file_is_read_and_has_no_problems():
    """Each table becomes values of its own type, and nothing is unsafe."""
    settings = parsed()

    assert check(settings) == ()
    assert settings.workers[0].allow == ("finance",)
    assert settings.workers[0].map[0].target == "jws.header.signer_name"
    assert settings.keys[0].limit == 1_000_000
    assert (settings.clients[0].name, settings.clients[0].title) == ("reports", "Reports")
    assert settings.fetch.allowed("as") == ("127.0.0.0/8",)
    assert settings.fetch.allowed("other") == ()
    assert settings.purpose_of("contracts") == "jws"
    assert len(settings.fingerprint) == 64


@pytest.mark.parametrize("window,good", [("1s", True), ("1h", True), ("2h", False)])
def test_refusals_are_not_counted_for_hours(window, good):
    """The window in which refusals are only counted is a second to an hour."""
    found = problems(f'[server]\nurl = "https://as.example"\nrefusal_window = "{window}"')

    assert (found == []) is good


def test_what_has_no_effect_yet_is_refused():
    """Nobody is left to believe that a key rotates, a proxy is trusted or a person can log in before that is so."""
    said = PLANNED.replace(
        'url = "http://localhost:8080"', 'url = "http://localhost:8080"\ntrusted_proxies = ["10.0.0.1"]'
    )
    found = problems(said)

    assert parsed(PLANNED).keys[0].rotate == 90 * 86400
    assert [line.partition(":")[0] for line in found] == [
        "server.trusted_proxies",
        "keys.contracts.rotate",
        "users.ana",
    ]
    assert all("has no effect in this release" in line for line in found)


def test_the_smallest_file_is_enough():
    """A server needs an address and nothing else."""
    assert check(parsed('[server]\nurl = "https://as.example"')) == ()


@pytest.mark.parametrize(
    "old,new,expected",
    [
        ("algorithms =", "algorithm =", "issuers.as.algorithm: is not known. Did you mean 'algorithms'?"),
        ("[workers.contracts]", "[worker.contracts]", "worker: is not known. Did you mean 'workers'?"),
        ('name = "Reports"', 'title = "Reports"', "clients.reports.title: is not known."),
        ('rotate = "90d"', "rotate = 90", "keys.contracts.rotate: must be a duration"),
        ('rotate = "90d"', 'rotate = "90 days"', "keys.contracts.rotate: must be a duration"),
        ("limit = 1_000_000", "limit = -1", "keys.contracts.limit: must be a whole number"),
        ("limit = 1_000_000", "limit = true", "keys.contracts.limit: must be a whole number"),
        ('"env:ANA_PASSWORD"', '"hunter2"', "users.ana.password: must say where the secret is"),
        ('allow = ["finance"]', 'allow = "finance"', "workers.contracts.allow: must be a list"),
        ('alg = "ES256"', "", "keys.contracts.alg: is missing."),
        ('format = "jws"', 'format = "jws"\nanyone = true', "workers.contracts.anyone: is not known."),
        ("finance = ", "finance.x = ", "rules.finance: must be text."),
        ("[users.ana]", '[users."a na"]', "a name has letters"),
        ('url = "http://localhost:8080"', 'url = "http://localhost:8080\\u0000"', "server.url: must be text, without"),
    ],
)
def test_what_the_tables_do_not_have_is_refused(old, new, expected):
    """Unknown names, wrong types and secrets in the open are refused, with the nearest known name."""
    assert old in PLANNED
    with pytest.raises(SettingsError) as caught:
        parsed(PLANNED.replace(old, new))
    assert any(expected in line for line in caught.value.problems)


def test_all_mistakes_are_told_at_once():
    """Nobody has to run the check once for each mistake."""
    text = GOOD.replace("algorithms =", "algorithm =").replace('kind = "software"', "kind = 1")
    with pytest.raises(SettingsError) as caught:
        parsed(text)
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize(
    "old,new,expected",
    [
        ('"http://localhost:8080"\n\n', '"http://as.example"\n\n', "server.url: must be https."),
        ('"http://localhost:8080"\n\n', '"http://localhost.evil.example"\n\n', "server.url: must be https."),
        ('"http://localhost:8080"\n\n', '"ftp://localhost"\n\n', "server.url: must be https."),
        ('"http://localhost:8080"\n\n', '"https://u:p@as.example"\n\n', "server.url: must be a scheme"),
        ('"http://localhost:8080"\n\n', '"https://as.example/"\n\n', "server.url: must not end with a slash"),
        ('iss = "https://as.example"', 'iss = "http://as.example"', "issuers.as.iss: must be https."),
        ('jwks_uri = "https://as', 'jwks_uri = "http://as', "issuers.as.jwks_uri: must be https."),
        ('audience = "http://localhost:8080/sign"\n', "", "issuers.as.audience: is missing"),
        ('algorithms = ["ES256"]', "", "issuers.as.algorithms: is missing."),
        ('algorithms = ["ES256"]', 'algorithms = ["none"]', "issuers.as.algorithms: there is no algorithm 'none'"),
        ('algorithms = ["ES256"]', 'algorithms = ["HS256"]', "has a shared secret"),
        ('algorithms = ["ES256"]', 'algorithms = ["ES256"]\nleeway = 61', "issuers.as.leeway"),
        ('algorithms = ["ES256"]', 'algorithms = ["ES256"]\nrequire = ["jti"]', "issuers.as.require: must name exp"),
        ('algorithms = ["ES256"]', 'algorithms = ["ES256"]\ntypes = []', "issuers.as.types"),
        ('algorithms = ["ES256"]', 'algorithms = ["ES256"]\nbinding = "dpop"', "issuers.as.binding"),
        ('jwks_uri = "https://as.example/jwks.json"', "", "issuers.as: must name exactly one source of keys."),
        ('allow = ["finance"]', "", "workers.contracts.allow: is missing"),
        ('allow = ["finance"]', "allow = []", "workers.contracts.allow: is missing"),
        ('allow = ["finance"]', 'allow = ["anyone"]', "Spell it out alone"),
        ('allow = ["finance"]', 'allow = ["finanse"]', "there is no rule 'finanse'. Did you mean 'finance'?"),
        ('issuers = ["as"]', "", "workers.contracts.issuers: is missing"),
        ('issuers = ["as"]', 'issuers = ["ass"]', "there is no issuer 'ass'. Did you mean 'as'?"),
        ('key = "contracts"', 'key = "contract"', "there is no key 'contract'"),
        ('key = "contracts"', 'key = "receipt"', "receipt is a key of the server itself"),
        ('key = "contracts"', 'key = "access-token"', "access-token is a key of the server itself"),
        ('token = "soft"', 'token = "sofd"', "there is no token 'sofd'"),
        ('kind = "software"', 'kind = "pkcs99"', "tokens.soft.kind"),
        ('alg = "ES256"', 'alg = "ES255"', "keys.contracts.alg: there is no algorithm"),
        ('alg = "ES256"', 'alg = "ES256"\npurpose = "receipt"', "has 2 purposes: jws, receipt."),
        ('alg = "ES256"', 'alg = "ES256"\npurpose = "everything"', "keys.contracts.purpose"),
        ("scope has 'sign'", "scope has sign", "rules.finance: A rule cannot be read"),
        ('format = "jws"', 'format = "magic"', "workers.contracts.format"),
        ('format = "jws"', 'format = "jws"\nbind = "hash"', "workers.contracts.bind"),
        ('"token.name"', '"claims.name"', "is not a source"),
        ('"token.name"', '"token."', "is not a source"),
        ('"log.user"', '"logs.user"', "is not a target"),
        ('"127.0.0.0/8"', '"0.0.0.0/0"', "allows every address"),
        ('"127.0.0.0/8"', '"http://x"', "neither a host nor a range"),
        ("[fetch.allow]\nas", "[fetch.allow]\nother", "there is no issuer 'other'"),
        ('grants = ["client_credentials"]', 'grants = ["password"]', "clients.reports.grants"),
        ('scopes = ["sign"]', 'auth = "none"', "clients.reports.auth"),
        ('scopes = ["sign"]', 'audience_policy = "legacy_endpoint"', "needs its end"),
        ('audiences = ["http://localhost:8080/sign"]', 'audiences = ["http://localhost:8080"]', "never a resource"),
        ('scopes = ["sign"]', 'redirect_uris = ["http://evil.example/*"]', "must be https, without wildcard"),
        ('jwks_uri = "https://reports.example/jwks.json"', "", "clients.reports: must name exactly one source"),
        ('url = "http://localhost:8080"', 'roles = ["sining"]', "server.roles"),
        ('url = "http://localhost:8080"', "", "server.url: is missing."),
    ],
)
def test_what_is_unsafe_is_refused(old, new, expected):
    """Each unsafe or contradictory setting is named, with where it stands."""
    assert old in GOOD
    assert any(expected in line for line in problems(GOOD.replace(old, new, 1)))


HEADERS = "alg kid crit b64 typ cty jwk jku x5u x5c x5t x5t#S256 X5C x5new ALG enc zip"


@pytest.mark.parametrize("name", HEADERS.split())
def test_a_claim_never_chooses_a_header_that_decides(name):
    """Mapping targets exclude every header parameter that says how to verify or whom to trust."""
    text = GOOD.replace("jws.header.signer_name", f"jws.header.{name}")

    assert any("workers.contracts.map" in line for line in problems(text))


@pytest.mark.parametrize(
    "target", ["jws.header.", "jws.header.a b", "jws.header.é", "jws.header." + "a" * 65, "jws.payload.x"]
)
def test_mapping_targets_are_a_closed_set(target):
    """What is no target that this release knows is refused."""
    assert any("workers.contracts.map" in line for line in problems(GOOD.replace("jws.header.signer_name", target)))


def test_anyone_must_be_spelled_out():
    """A worker for anyone says so in one word, and only that word opens it."""
    settings = parsed(GOOD.replace('allow = ["finance"]', 'allow = "anyone"'))

    assert (settings.workers[0].anyone, settings.workers[0].allow) == (True, ())
    assert check(settings) == ()
    assert not parsed().workers[0].anyone


def test_a_bind_beyond_this_machine_refuses_http_and_demo_material():
    """Plain http and demo keys are for loopback, whatever the command line says."""
    demo = GOOD.replace("[storage]", "demo = true\n[storage]", 1)

    assert problems(demo) == []
    assert len(problems(demo, host="0.0.0.0")) == 2  # noqa: S104 - what must be refused
    assert len(problems(demo.replace("[storage]", 'host = "192.0.2.1"\n[storage]', 1))) == 2


def test_two_workers_of_one_key_and_two_issuers_of_one_iss_are_refused():
    """One key has one format, and one iss has one entry."""
    twice = (
        GOOD + '\n[issuers.copy]\niss = "https://as.example"\njwks = "local"\naudience = "x"\nalgorithms = ["ES256"]\n'
    )

    assert any("another entry too" in line for line in problems(twice))


def test_client_keys_stand_in_the_file():
    """A public key may be written as a table, as JSON or as PEM of several lines."""
    text = GOOD.replace('jwks_uri = "https://reports.example/jwks.json"', "") + (
        '\n[[clients.reports.keys]]\nname = "one"\njwk = { kty = "OKP", crv = "Ed25519", x = "AA" }\n'
        '[[clients.reports.keys]]\nname = "two"\npem = """\n-----BEGIN PUBLIC KEY-----\nAA\n"""\n'
    )
    keys = parsed(text).clients[0].keys

    assert keys[0].jwk == '{"kty":"OKP","crv":"Ed25519","x":"AA"}'
    assert keys[1].pem.startswith("-----BEGIN")


def test_two_clients_of_one_key_are_refused(tmp_path):
    """A key that two clients have would make one of them the other."""
    keys = KeySet([jwk.generate("ES256").public()])
    (tmp_path / "a.json").write_bytes(dump_json(keys.to_jwks()))
    clients = "".join(f'\n[clients.{name}]\njwks = "file:a.json"\n' for name in "ab")
    settings = parsed('[server]\nurl = "https://as.example"\n' + clients, tmp_path)

    assert any("has a key of clients.a too" in str(problem) for problem in check(settings))


def test_load_reads_a_file(tmp_path):
    """A file is read, relative to its own folder; one that is not there is named."""
    (tmp_path / "undersign.toml").write_text(GOOD)

    assert load(tmp_path / "undersign.toml").folder == tmp_path.resolve()
    with pytest.raises(SettingsError, match=r"nothing\.toml"):
        load(tmp_path / "nothing.toml")


def test_secrets_come_from_private_places(tmp_path, monkeypatch):
    """A secret is read from the environment or from a file that others cannot read."""
    path = tmp_path / "pin"
    path.write_text("1234\n")
    path.chmod(0o644)
    with pytest.raises(SettingsError, match="Others can read"):
        secret("file:pin", folder=tmp_path)
    path.chmod(0o600)
    monkeypatch.setenv("PIN", "5678")

    assert secret("file:pin", folder=tmp_path) == "1234"
    assert secret("env:PIN", folder=tmp_path) == "5678"
    for reference in ("1234", "env:NOT_THERE", "file:", "http://x"):
        with pytest.raises(SettingsError):
            secret(reference, folder=tmp_path)


TABLES = ["server", "storage", "fetch", "issuers", "tokens", "keys", "rules", "workers", "ca", "clients", "users"]
NAMES = ["url", "name", "map", "allow", "keys", "x"]
values = st.recursive(
    st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.text(max_size=200))
def test_any_text_is_settings_or_a_settings_error(text):
    """No text brings another exception."""
    with suppress(SettingsError):
        check(parsed(text))


@given(st.dictionaries(st.sampled_from(TABLES), values, max_size=4))
def test_any_document_is_settings_or_a_settings_error(document):
    """Nor does any TOML document of the file's own tables."""
    reader = _Reader()
    tables = reader.document(document)
    assert reader.problems or isinstance(tables, dict)


def test_the_remedy_for_a_key_set_is_true(tmp_path):
    """A single JWK is no set, and the command that the remedy names makes one that is read."""
    key, one, whole = (str(tmp_path / name) for name in ("key.json", "one.json", "set.json"))
    main(["jwk", "generate", "ES256", "-o", key])
    main(["jwk", "public", key, "-o", one])

    with pytest.raises(SettingsError) as caught:
        read_key_set("file:one.json", folder=tmp_path)
    assert "`undersign jwk public KEY --set`" in caught.value.help
    assert main(["jwk", "public", key, "--set", "-o", whole]) == 0
    assert [each.is_private for each in read_key_set("file:set.json", folder=tmp_path)] == [False]


def test_init_is_the_remedy_for_a_missing_file_only(tmp_path):
    """A file that is there and cannot be read is not to be made, for init would refuse."""
    (tmp_path / "latin.toml").write_bytes(b"\xff")

    for name, made in (("nothing.toml", True), ("latin.toml", False), (".", False)):
        with pytest.raises(SettingsError) as caught:
            load(tmp_path / name)
        assert ("undersign init" in caught.value.help) is made
