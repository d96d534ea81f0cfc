"""Keys that another process rotated or disabled: read at each use, never remembered (safety rule 16)."""

import pytest

from tests.storage.writing import Shelf, run
from tests.web.desk import RESOURCE, URL
from undersign import jws, jwt
from undersign.cryptotoken.lifecycle import disable, rotate
from undersign.cryptotoken.software import SoftwareToken
from undersign.jwks import KeySet
from undersign.storage.envelope import Envelope, master_key
from undersign.storage.keys import write_of


@pytest.fixture
def store(desk):
    """The keys, as another process sees them."""
    reference = f"file:{desk.house.settings.folder / 'var' / 'master.key'}"
    ((chain,),) = run(desk.house.database, "SELECT id FROM chain")
    return Shelf(desk.house.database, Envelope(master_key(reference), chain))


def commit(desk, plan):
    desk.house.ledger.submit(write_of(plan)).result()


@pytest.mark.parametrize("name", ["contracts", "receipt"])
def test_a_key_rotated_elsewhere_signs_at_once(desk, store, name):
    """After a rotation that this process was not told of, the next signature is made, by the new version only."""
    before = desk.sign(token=desk.token()).json()
    commit(desk, rotate(SoftwareToken("software", store.vault), store.records(), name=name, now=1_900_000_000))
    after = desk.sign(token=desk.token())
    keys = KeySet.load(desk.client.get("/v1/workers/contracts/jwks.json").content)

    assert after.status_code == 200
    assert (after.json()["key"]["version"], before["key"]["version"]) == (2 if name == "contracts" else 1, 1)
    for answer in (before, after.json()):
        assert jws.verify(answer["result"], keys).key.kid == answer["key"]["kid"]


def test_a_disabled_key_signs_no_more(desk, store):
    """A key that was disabled elsewhere signs nothing, and its refusal uses no token up."""
    token = desk.token()
    commit(desk, disable(store.records(), name="contracts", version=1))

    assert desk.sign(token=token).status_code == 503
    assert desk.sign("drafts", token).status_code == 200
    assert [line["outcome"] for line in desk.lines() if line.get("worker") == "contracts"] == ["refused"]


def test_a_rotated_token_key_issues_at_once(desk, store):
    """Tokens of both versions verify while the older one is in its window."""
    old = desk.token()
    commit(
        desk, rotate(SoftwareToken("software", store.vault), store.records(), name="access-token", now=1_900_000_000)
    )
    new = desk.token()
    keys = KeySet.load(desk.client.get("/jwks.json").content)
    verifier = jwt.Verifier(keys, issuer=URL, audience=RESOURCE, typ="at+jwt")

    assert verifier.verify(old).key.kid != verifier.verify(new).key.kid
    assert desk.sign(token=old).status_code == desk.sign(token=new).status_code == 200
