"""Stored keys: sealed, one purpose each, their state read at each use."""

from dataclasses import replace

import pytest

from tests.storage.writing import MASTER, NOW, Shelf, run
from undersign import jws
from undersign.cryptotoken import KINDS
from undersign.cryptotoken.lifecycle import Wanted, create, disable, one_purpose, rotate, set_state
from undersign.cryptotoken.software import SoftwareToken
from undersign.cryptotoken.token import NewName
from undersign.errors import ConflictError, KeyMaterialError, PolicyError, StorageError, UnusableKeyError
from undersign.storage.envelope import Envelope
from undersign.storage.keys import KeyVault, ensure_key, write_of
from undersign.storage.ledger.ledger import Ledger


@pytest.fixture
def made(ledger, shelf, token):
    return {
        name: ensure_key(shelf.reading, ledger, token, Wanted(name, "jws", "ES256"), now=NOW) for name in ("a", "b")
    }


def test_a_stored_key_signs_after_a_restart(made, shelf):
    """A fresh token, with nothing in memory, opens the sealed half and signs."""
    signer = SoftwareToken("soft", shelf.vault).signer(made["a"])
    token = jws.sign(b"document", signer)

    assert jws.verify(token, made["a"].public()).payload == b"document"
    assert (signer.alg, signer.kid) == ("ES256", made["a"].thumbprint)


def test_a_key_is_opened_and_parsed_once(made, shelf):
    """The private half is parsed when first needed, and not again for each signature."""
    opened = []

    class Counting(KeyVault):
        def unseal(self, record):
            opened.append(record.name)
            return shelf.vault.unseal(record)

    token = SoftwareToken("soft", Counting(shelf.vault.database, shelf.vault.envelope))
    for _ in range(5):
        token.signer(made["a"]).sign(b"x")
    assert opened == ["a"]


def test_no_private_member_is_readable_at_rest(made, database):
    """The row does not hold the private half in the open."""
    ((sealed, public),) = run(database, "SELECT sealed, public_jwk FROM keys WHERE name = 'a'")

    assert b'"d"' not in bytes(sealed)
    assert '"d"' not in public


def test_swapped_ciphertexts_do_not_open(made, database, shelf):
    """Somebody who can write to the database cannot make key A sign as key B."""
    ((sealed,),) = run(database, "SELECT sealed FROM keys WHERE name = 'b'")
    run(database, "UPDATE keys SET sealed = :sealed WHERE name = 'a'", sealed=bytes(sealed))

    with pytest.raises(StorageError, match="belongs elsewhere"):
        SoftwareToken("soft", shelf.vault).signer(made["a"])


@pytest.mark.parametrize("column,value", [("purpose", "receipt"), ("alg", "Ed25519"), ("version", 7), ("name", "c")])
def test_a_row_with_another_purpose_does_not_open(made, database, chain, shelf, column, value):
    """Changing what the row says of the key shuts the key, and a process that starts then believes no row at all."""
    run(database, f"UPDATE keys SET {column} = :value WHERE name = 'a'", value=value)  # noqa: S608 - test columns
    changed = replace(made["a"], **{column: value})

    with pytest.raises(StorageError):
        SoftwareToken("soft", shelf.vault).signer(changed)
    with pytest.raises(StorageError, match="without the master key"):
        Shelf(database, chain.envelope).records()


def test_a_public_half_that_is_another_keys_is_noticed(made, shelf):
    """A record whose thumbprint is not the private half's is refused when it is loaded."""
    wrong = replace(made["a"], thumbprint=made["b"].thumbprint)

    with pytest.raises((KeyMaterialError, StorageError)):
        SoftwareToken("soft", shelf.vault).signer(wrong)


def test_a_private_half_that_is_another_keys_is_noticed(made, shelf):
    """A private half sealed for a place by its own vault, and still another key's, is refused when it is loaded."""

    class Wrong(KeyVault):
        def unseal(self, _):
            return shelf.vault.unseal(made["b"])

    with pytest.raises(KeyMaterialError, match="another key's"):
        SoftwareToken("soft", Wrong(shelf.vault.database, shelf.vault.envelope)).signer(made["a"])


def test_another_master_key_opens_nothing(made, database, chain):
    """The database alone is not enough: neither a private half nor a record is believed under another master key."""
    other = Envelope(b"n" * 32, chain.id)
    with pytest.raises(StorageError, match="another master key"):
        SoftwareToken("soft", KeyVault(database, other)).signer(made["a"])
    with pytest.raises(StorageError):
        Shelf(database, other).records()


def test_another_chains_envelope_opens_nothing(made, database):
    """The same master key, bound to another database, opens no private half and believes no record."""
    other = MASTER.of("0" * 32)
    with pytest.raises(StorageError, match="belongs elsewhere"):
        SoftwareToken("soft", KeyVault(database, other)).signer(made["a"])
    with pytest.raises(StorageError):
        Shelf(database, other).records()


def test_ensure_key_finds_what_is_there(made, shelf, ledger, token):
    """A second start makes no second key, and never changes purpose or algorithm."""
    assert ensure_key(shelf.reading, ledger, token, Wanted("a", "jws", "ES256"), now=NOW) == made["a"]
    with pytest.raises(KeyMaterialError):
        ensure_key(shelf.reading, ledger, token, Wanted("a", "receipt", "ES256"), now=NOW)
    with pytest.raises(KeyMaterialError):
        ensure_key(shelf.reading, ledger, token, Wanted("a", "jws", "Ed25519"), now=NOW)


def test_a_disabled_key_is_not_made_again(made, shelf, ledger, token):
    """What was disabled stays so, whatever the configuration file asks for at the next start."""
    ledger.submit(write_of(disable(shelf.records(), name="a", version=1))).result()

    with pytest.raises(UnusableKeyError):
        ensure_key(shelf.reading, ledger, token, Wanted("a", "jws", "ES256"), now=NOW)
    assert (shelf.states("a"), shelf.states("b")) == ([(1, "disabled")], [(1, "active")])


def test_two_processes_that_make_one_key_end_with_one(database, chain, shelf, clock):
    """Whoever is second takes the first one's key."""
    wanted = Wanted("k", "jws", "ES256")
    with (
        Ledger(database, chain.envelope, clock=clock) as one,
        Ledger(database, chain.envelope, clock=clock) as two,
    ):
        plans = [create(SoftwareToken("soft", shelf.vault), (), wanted, now=NOW) for _ in range(2)]
        one.submit(write_of(plans[0])).result()
        with pytest.raises(ConflictError):
            two.submit(write_of(plans[1])).result()
        found = ensure_key(two.reading, two, SoftwareToken("soft", shelf.vault), wanted, now=NOW)

    assert shelf.active("k") == found == plans[0].record


def test_rotation_keeps_the_old_version_published(made, shelf, ledger, token):
    """After a rotation the new version signs and both verify."""
    ledger.submit(write_of(rotate(token, shelf.records(), name="a", now=NOW))).result()

    assert shelf.active("a").version == 2
    assert shelf.states("a") == [(1, "window"), (2, "active")]


def test_what_another_process_changed_shows_at_the_next_reading(made, shelf, database, chain, clock):
    """A change that another process commits shows at the very next reading, and readers leave no transaction open."""
    assert shelf.states("a") == [(1, "active")]
    with Ledger(database, chain.envelope, clock=clock) as other:
        other.submit(write_of(disable(shelf.records(), name="a", version=1))).result()

    assert shelf.states("a") == [(1, "disabled")]
    run(database, "ALTER TABLE keys ADD COLUMN extra INTEGER")  # waits for every open transaction


def test_a_reader_recovers(made, shelf, database, chain):
    """A reading that fails is an error of ours, and the next one opens the database anew."""
    run(database, "ALTER TABLE keys RENAME TO away")
    with pytest.raises(StorageError):
        Shelf(database, chain.envelope).records()
    run(database, "ALTER TABLE away RENAME TO keys")

    assert Shelf(database, chain.envelope).active("a") == made["a"]


def test_one_key_has_one_purpose(made, shelf, ledger, token):
    """The same key under another name or purpose is refused, by plan and by the commit."""
    with pytest.raises(KeyMaterialError, match="One key, one purpose"):
        one_purpose(shelf.records(), replace(made["a"], name="other", purpose="receipt"))
    with pytest.raises(PolicyError):
        create(token, (), Wanted("k", "everything", "ES256"), now=NOW)
    with pytest.raises(ConflictError):
        create(token, shelf.records(), Wanted("a", "jws", "ES256"), now=NOW)
    plan = create(token, (), Wanted("other", "receipt", "ES256"), now=NOW)
    record = replace(plan.record, thumbprint=made["a"].thumbprint)
    same = replace(plan, record=record, change=replace(plan.change, record=record))
    with pytest.raises(ConflictError):
        ledger.submit(write_of(same)).result()


def test_a_destroyed_key_stays_destroyed(made, shelf, ledger):
    """There is no way back from destroyed, and none for what is not there."""
    ledger.submit(write_of(set_state(shelf.records(), name="a", version=1, after="destroyed"))).result()
    for name, version in (("a", 1), ("a", 2), ("zzz", 1)):
        with pytest.raises(UnusableKeyError):
            set_state(shelf.records(), name=name, version=version, after="active")


@pytest.mark.parametrize("alg", ["ES256", "Ed25519", "RS256", "ML-DSA-44"])
def test_every_kind_keeps_the_protocol(shelf, alg):
    """Each kind of crypto token makes keys, shows their public halves and signs."""
    for name, kind in KINDS.items():
        token = kind(name, shelf.vault)
        made = token.generate(NewName("k", 1, "jws", alg, NOW))
        assert made.record.token == name
        assert made.record.public().thumbprint() == made.record.thumbprint
        assert made.sealed
        assert token.inside in {True, False}
