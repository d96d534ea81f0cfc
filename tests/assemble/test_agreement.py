"""`undersign check` and the start agree: what one refuses the other refuses, and what is in order starts."""

import json

import pytest

from tests.web.desk import KEY, RESOURCE, STRANGER, TOML, URL, open_desk
from undersign.assemble import assemble, check
from undersign.errors import SettingsError
from undersign.settings import parse

HERE, CLIENT, DRAFTS = 'jwks = "local"', 'name = "Reports"', "[keys.drafts]"

IN_ORDER = {
    "as it is": ("", ""),
    "anyone without issuers": ('issuers = ["here"]\nallow = "anyone"', 'allow = "anyone"'),
    "discovery": ('jwks = "file:stranger.json"', "discovery = true"),
    "published keys": ('jwks = "file:stranger.json"', 'jwks_uri = "https://stranger.example/keys"'),
    "a disabled key without a worker": (DRAFTS, f'[keys.old]\nalg = "ES256"\ndisabled = true\n{DRAFTS}'),
    "a disabled worker": ('format = "jws"', 'format = "jws"\ndisabled = true'),
    "a legacy client": (CLIENT, 'audience_policy = "legacy_endpoint"\nsunset = "2999-01-01"'),
    "a named token": (DRAFTS, f'[tokens.soft]\nkind = "software"\n{DRAFTS}\ntoken = "soft"'),
    "a short window": ("demo = true", 'demo = true\nrefusal_window = "1s"'),
}
REFUSED = {
    "bind": ('bind = "none"', 'bind = "hash"'),
    "a token's type": ('type = "contract+jws"', 'type = "at+jwt"'),
    "a claim as kid": ('"log.subject"', '"jws.header.kid"'),
    "a claim as a certificate": ('"log.subject"', '"jws.header.x5z"'),
    "a rule that is not there": ('allow = ["may-sign"]', 'allow = ["nobody"]'),
    "a rule that is none": ("scope has 'sign'", "scope has"),
    "anyone in a list": ('allow = "anyone"', 'allow = ["anyone"]'),
    "no issuers": ('issuers = ["here"]\nallow = ["may-sign"]\ntype', 'allow = ["may-sign"]\ntype'),
    "an unknown issuer": ('issuers = ["here", "stranger"]', 'issuers = ["strange"]'),
    "a format": ('format = "jws"', 'format = "pades"'),
    "no such key": ('key = "drafts"', 'key = "nothing"'),
    "the server's own key": ('key = "drafts"', 'key = "receipt"'),
    "a key for two things": (DRAFTS, f'{DRAFTS}\npurpose = "csrf"'),
    "a key for nothing": (DRAFTS, f'[keys.unused]\nalg = "ES256"\n{DRAFTS}'),
    "a shared secret": ('alg = "ES256"', 'alg = "HS256"'),
    "an unknown algorithm": ('alg = "ES256"', 'alg = "ES257"'),
    "a token store": (DRAFTS, f'[tokens.hsm]\nkind = "punchcards"\n{DRAFTS}'),
    "grant": ('grants = ["client_credentials"]', 'grants = ["authorization_code"]'),
    "client authentication": (CLIENT, 'auth = "client_secret_basic"'),
    "audience policy": (CLIENT, 'audience_policy = "any"'),
    "a legacy policy without end": (CLIENT, 'audience_policy = "legacy_endpoint"'),
    "two sources of keys": (CLIENT, 'jwks_uri = "https://reports.example/keys"'),
    "a client's missing keys": ("file:reports.json", "file:absent.json"),
    "a client's odd keys": ("file:reports.json", "file:odd.json"),
    "an issuer's missing keys": ("file:stranger.json", "file:absent.json"),
    "an issuer's set without keys": ("file:stranger.json", "file:empty.json"),
    "the issuer as audience": ('"https://archive.example"', f'"{URL}"'),
    "leeway": (HERE, f"{HERE}\nleeway = 61"),
    "no audience": (f'audience = "{RESOURCE}"', ""),
    "no algorithms": ('algorithms = ["Ed25519"]', ""),
    "a token without end": (HERE, f'{HERE}\nrequire = ["sub"]'),
    "sender-bound tokens": (HERE, f'{HERE}\nbinding = "dpop"'),
    "one iss twice": ("https://stranger.example", URL),
    "plain http": (f'url = "{URL}"', 'url = "http://as.example"'),
    "no url": (f'url = "{URL}"\n', ""),
    "a role": ('"signing"]', '"signing", "dancing"]'),
    "beyond this machine": ("demo = true", 'demo = true\nhost = "192.0.2.1"'),
    "storage": ("[issuers.here]", '[storage]\nurl = "postgresql://db/x"\n[issuers.here]'),
    "certificates": ("[rules]", "[ca.own]\n[rules]"),
    "a long window": ("demo = true", 'demo = true\nrefusal_window = "2h"'),
}


@pytest.fixture
def folder(tmp_path):
    """A folder with the key sets that the settings name, good and bad."""
    sets = {
        "reports": [KEY.public().to_jwk()],
        "stranger": [STRANGER.public().to_jwk()],
        "odd": [KEY.public().to_jwk(), {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}],
        "empty": [],
    }
    for name, keys in sets.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"keys": keys}))
    return tmp_path


@pytest.mark.parametrize("change", IN_ORDER.values(), ids=IN_ORDER)
def test_what_is_in_order_starts(folder, change):
    """Settings that the check has nothing against are served."""
    assert change[0] in TOML
    text = TOML.replace(*change, 1)

    assert check(parse(text, folder=folder)) == ()
    with open_desk(folder, text) as desk:
        assert desk.client.get("/readyz").status_code == 200


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_what_is_refused_starts_nothing(folder, change):
    """Settings that the check refuses do not start, with the same words, and leave no database behind."""
    assert change[0] in TOML
    settings = parse(TOML.replace(*change, 1), folder=folder)
    with pytest.raises(SettingsError) as caught:
        assemble(settings)

    assert caught.value.problems == tuple(map(str, check(settings))) != ()
    assert not (folder / "var").exists()
