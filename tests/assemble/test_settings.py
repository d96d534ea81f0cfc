"""What settings become: clients with their keys, workers with their issuers, keys with one purpose."""

import json

import pytest

from tests.web.desk import KEY, TOML, open_desk
from undersign import jwk
from undersign.assemble import assemble
from undersign.errors import KeyMaterialError, SettingsError, StorageError, UndersignError
from undersign.settings import check, parse

OTHER = jwk.generate("ES256")


def inline(key: str) -> str:
    return TOML.replace('jwks = "file:reports.json"', "") + f"[[clients.reports.keys]]\nname = 'laptop'\n{key}\n"


@pytest.mark.parametrize("spelling", ["jwk", "pem"])
def test_a_client_key_is_a_jwk_pem_or_certificate(tmp_path, spelling):
    """A client's public key may be written into the file in each spelling."""
    written = json.dumps(KEY.public().to_jwk()) if spelling == "jwk" else KEY.public().to_pem()
    with open_desk(tmp_path, inline(f"{spelling} = '''{written}'''")) as desk:
        assert desk.ask().status_code == 200


@pytest.mark.parametrize("window", ["not_before = '2999-01-01'", "not_after = '2001-01-01'"])
def test_a_client_key_has_a_window(tmp_path, window):
    """A key counts between its dates only."""
    with open_desk(tmp_path, inline(f"jwk = '''{json.dumps(KEY.public().to_jwk())}'''\n{window}")) as desk:
        assert desk.ask().status_code == 401


def test_a_private_key_of_a_client_is_refused(tmp_path):
    """A private key where a public one belongs stops the start, in the file, in a client's and in an issuer's set."""
    with (
        pytest.raises(SettingsError, match="rivate"),
        open_desk(tmp_path, inline(f"pem = '''{KEY.to_pem(private=True)}'''")),
    ):
        pass
    keys = [KEY.to_jwk(private=True), OTHER.public().to_jwk()]
    (tmp_path / "private.json").write_text(json.dumps({"keys": keys}))
    for name in ("reports", "stranger"):
        text = TOML.replace(f"file:{name}.json", "file:private.json")
        with pytest.raises(SettingsError, match="rivate"), open_desk(tmp_path, text):
            pass


def test_a_worker_names_its_issuers(tmp_path):
    """A worker without issuers does not pass the check, for its rules would be about nobody's claims."""
    text = TOML.replace('issuers = ["here"]\nallow = ["may-sign"]\ntype', 'allow = ["may-sign"]\ntype')

    assert "workers.contracts.issuers" in [problem.where for problem in check(parse(text, folder=tmp_path))]


def test_a_key_never_changes_its_algorithm(tmp_path):
    """A file that asks for another algorithm under the name of a key that exists does not start."""
    with open_desk(tmp_path):
        pass
    with pytest.raises(KeyMaterialError), open_desk(tmp_path, TOML.replace('alg = "ES256"', 'alg = "Ed25519"', 1)):
        pass


def test_a_key_that_the_file_disables_signs_no_more(tmp_path):
    """A key that signed yesterday does not today, when the file says that it is disabled."""
    with open_desk(tmp_path) as desk:
        assert desk.sign(token=desk.token()).status_code == 200
    with open_desk(tmp_path, TOML.replace('alg = "ES256"', 'alg = "ES256"\ndisabled = true', 1)) as desk:
        assert desk.sign(token=desk.token()).status_code == 503
        assert desk.client.get("/v1/workers/contracts/jwks.json").json() == {"keys": []}
        assert desk.sign("drafts", desk.token()).status_code == 200


def test_a_disabled_client_gets_nothing(tmp_path):
    """A client that the file disables is answered like one that is unknown."""
    with open_desk(tmp_path, TOML.replace('name = "Reports"', 'name = "Reports"\ndisabled = true')) as desk:
        assert desk.ask().json()["error"] == "invalid_client"


def test_a_client_key_that_cannot_be_used_stops_the_start(tmp_path):
    """A key set with a key that is unsound is not silently shortened."""
    (tmp_path / "odd.json").write_text(json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]}))
    with pytest.raises(SettingsError), open_desk(tmp_path, TOML.replace("file:reports.json", "file:odd.json")):
        pass


def test_a_failed_start_leaves_nothing_running(tmp_path):
    """After a start that failed, the same folder serves with a corrected file."""
    (tmp_path / "reports.json").write_text("{}")
    (tmp_path / "stranger.json").write_text(json.dumps({"keys": [OTHER.public().to_jwk()]}))
    with pytest.raises(UndersignError):
        assemble(parse(TOML, folder=tmp_path))
    with open_desk(tmp_path) as desk:
        assert desk.ask().status_code == 200


def test_closing_twice_says_so_and_leaves_nothing_open(tmp_path):
    """A server whose ledger is gone still lets go of its database when it is closed."""
    with open_desk(tmp_path) as desk:
        house = desk.house
    house.keyring.published("receipt")  # opens a reader again
    with pytest.raises(StorageError):
        house.close()
    assert house.database._readers == []


def test_restart_keeps_root_and_keys(tmp_path):
    """The root of the log and the fingerprint of each key survive a restart."""
    with open_desk(tmp_path) as desk:
        root = desk.house.root
        keys = desk.client.get("/v1/receipts/jwks.json").json()
    with open_desk(tmp_path) as desk:
        assert (desk.house.root, desk.client.get("/v1/receipts/jwks.json").json()) == (root, keys)
