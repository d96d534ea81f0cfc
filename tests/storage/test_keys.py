"""Stored keys: sealed, one purpose each, their state read at each use."""

from dataclasses import replace

import pytest

from undersign import jws
from undersign.cryptotoken import KINDS
from undersign.cryptotoken.lifecycle import Wanted, create, disable, one_purpose, rotate, set_state
from undersign.cryptotoken.software import SoftwareToken
from undersign.cryptotoken.token import NewName
from undersign.errors import ConflictError, KeyMaterialError, PolicyError, StorageError, UnusableKeyError
from undersign.storage.envelope import Envelope
from undersign.storage.keys import KeyStore, ensure_key, write_of
from undersign.storage.writer import Writer

NOW = 1_800_000_000


@pytest.fixture
def made(writer, store, token):
    return {name: ensure_key(store, writer, token, Wanted(name, "jws", "ES256"), now=NOW) for name in ("a", "b")}


def test_a_stored_key_signs_after_a_restart(made, store):
    """A fresh token, with nothing in memory, opens the sealed half and signs."""
    signer = SoftwareToken("soft", store).signer(made["a"])
    token = jws.sign(b"document", signer)

    assert jws.verify(token, made["a"].public()).payload == b"document"
    assert (signer.alg, signer.kid) == ("ES256", made["a"].thumbprint)


def test_a_key_is_opened_and_parsed_once(made, store):
    """The private half is parsed when first needed, and not again for each signature."""
    opened = []

    class Counting(KeyStore):
        def unseal(self, record):
            opened.append(record.name)
            return store.unseal(record)

    token = SoftwareToken("soft", Counting(store.database, store.envelope))
    for _ in range(5):
        token.sign(made["a"], b"x")
    assert opened == ["a"]


def test_no_private_member_is_readable_at_rest(made, database):
    """Neither the row nor the file holds the private half in the open."""
    connection = database.connect()
    sealed, public = connection.execute("SELECT sealed, public_jwk FROM keys WHERE name = 'a'").fetchone()
    connection.close()

    assert b'"d"' not in sealed
    assert '"d"' not in public


def test_swapped_ciphertexts_do_not_open(made, database, store):
    """Somebody who can write to the database cannot make key A sign as key B."""
    connection = database.connect()
    (sealed,) = connection.execute("SELECT sealed FROM keys WHERE name = 'b'").fetchone()
    connection.execute("UPDATE keys SET sealed = ? WHERE name = 'a'", (sealed,))
    connection.close()

    with pytest.raises(StorageError, match="belongs elsewhere"):
        SoftwareToken("soft", store).sign(made["a"], b"x")


@pytest.mark.parametrize("column,value", [("purpose", "receipt"), ("alg", "Ed25519"), ("version", 7), ("name", "c")])
def test_a_row_with_another_purpose_does_not_open(made, database, store, column, value):
    """Changing what the row says of the key shuts the key."""
    connection = database.connect()
    connection.execute(f"UPDATE keys SET {column} = ? WHERE name = 'a'", (value,))  # noqa: S608 - test columns
    connection.close()
    changed = next(record for record in store.records() if record.thumbprint == made["a"].thumbprint)

    with pytest.raises(StorageError):
        SoftwareToken("soft", store).sign(changed, b"x")


def test_a_public_half_that_is_another_keys_is_noticed(made, store):
    """A record whose thumbprint is not the private half's is refused when it is loaded."""
    wrong = replace(made["a"], thumbprint=made["b"].thumbprint)

    with pytest.raises(KeyMaterialError):
        SoftwareToken("soft", store).sign(wrong, b"x")


def test_another_master_key_opens_nothing(made, database):
    """The database alone is not enough."""
    with pytest.raises(StorageError, match="another master key"):
        SoftwareToken("soft", KeyStore(database, Envelope(b"n" * 32))).sign(made["a"], b"x")


def test_ensure_key_finds_what_is_there(made, store, writer, token):
    """A second start makes no second key, and never changes purpose or algorithm."""
    assert ensure_key(store, writer, token, Wanted("a", "jws", "ES256"), now=NOW) == made["a"]
    with pytest.raises(KeyMaterialError):
        ensure_key(store, writer, token, Wanted("a", "receipt", "ES256"), now=NOW)
    with pytest.raises(KeyMaterialError):
        ensure_key(store, writer, token, Wanted("a", "jws", "Ed25519"), now=NOW)


def test_a_disabled_key_is_not_made_again(made, store, writer, token):
    """What was disabled stays so, whatever the configuration file asks for at the next start."""
    writer.submit(write_of(disable(store.records(), name="a", version=1))).result()

    with pytest.raises(UnusableKeyError):
        ensure_key(store, writer, token, Wanted("a", "jws", "ES256"), now=NOW)
    assert [record.name for record in store.published("a", "b")] == ["b"]


def test_two_processes_that_make_one_key_end_with_one(database, chain, store, clock):
    """Whoever is second takes the first one's key."""
    with Writer(database, clock=clock) as one, Writer(database, clock=clock) as two:
        plans = [create(SoftwareToken("soft", store), (), Wanted("k", "jws", "ES256"), now=NOW) for _ in range(2)]
        one.submit(write_of(plans[0])).result()
        with pytest.raises(ConflictError):
            two.submit(write_of(plans[1])).result()

    assert store.active("k") == plans[0].record


def test_rotation_keeps_the_old_version_published(made, store, writer, token):
    """After a rotation the new version signs and both verify."""
    writer.submit(write_of(rotate(token, store.records(), name="a", now=NOW))).result()

    assert store.active("a").version == 2
    assert [(record.version, record.state) for record in store.published("a")] == [(1, "window"), (2, "active")]


def test_what_is_published_is_read_each_time(made, store, database):
    """A change that another process commits shows at the very next reading, and readers leave no transaction open."""
    assert [record.name for record in store.published("b", "a")] == ["b", "a"]
    assert store.published("a") == (made["a"],)

    connection = database.connect()
    connection.execute("UPDATE keys SET state = 'disabled' WHERE name = 'a'")
    assert store.published("a") == ()
    assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
    connection.close()


def test_a_reader_recovers(made, store, database):
    """A reading that fails is an error of ours, and the next one opens the database anew."""
    connection = database.connect()
    connection.execute("ALTER TABLE keys RENAME TO away")
    with pytest.raises(StorageError):
        store.published("a")
    connection.execute("ALTER TABLE away RENAME TO keys")
    connection.close()

    assert store.published("a") == (made["a"],)


def test_one_key_has_one_purpose(made, store, token):
    """The same key under another name or purpose is refused, by plan and by the table."""
    with pytest.raises(KeyMaterialError, match="One key, one purpose"):
        one_purpose(store.records(), replace(made["a"], name="other", purpose="receipt"))
    with pytest.raises(PolicyError):
        create(token, (), Wanted("k", "everything", "ES256"), now=NOW)
    with pytest.raises(ConflictError):
        create(token, store.records(), Wanted("a", "jws", "ES256"), now=NOW)


def test_a_destroyed_key_stays_destroyed(made, store, writer):
    """There is no way back from destroyed, and none for what is not there."""
    writer.submit(write_of(set_state(store.records(), name="a", version=1, after="destroyed"))).result()
    for name, version in (("a", 1), ("a", 2), ("zzz", 1)):
        with pytest.raises(UnusableKeyError):
            set_state(store.records(), name=name, version=version, after="active")


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256", "ML-DSA-44"])
def test_every_kind_keeps_the_protocol(store, alg):
    """Each kind of crypto token makes keys, shows their public halves and signs."""
    for name, kind in KINDS.items():
        token = kind(name, store)
        made = token.generate(NewName("k", 1, "jws", alg, NOW))
        assert made.record.token == name
        assert made.record.public().thumbprint() == made.record.thumbprint
        assert made.sealed
