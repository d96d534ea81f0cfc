"""Secrets at rest: sealed to their place, under a master key that others cannot read."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from undersign.errors import SettingsError, StorageError
from undersign.storage.envelope import Envelope, Place, master_key

PLACE = Place("keys", "contracts", 1, "jws", "ES256")
ENVELOPE = Envelope(b"m" * 32)
texts = st.text(max_size=8)
places = st.builds(Place, texts, texts, st.integers(0, 9), texts, texts)


@given(st.binary(max_size=200), places)
def test_what_was_sealed_opens_in_its_place(secret, place):
    """Sealing and opening in one place gives the secret back."""
    assert ENVELOPE.open(ENVELOPE.seal(secret, place), place) == secret


@given(places, places)
def test_it_opens_nowhere_else(place, other):
    """Any difference in table, id, version, purpose or algorithm keeps it shut."""
    if place == other:
        return
    sealed = ENVELOPE.seal(b"secret", place)

    with pytest.raises(StorageError):
        ENVELOPE.open(sealed, other)


@given(st.data())
def test_any_one_byte_change_is_refused(data):
    """No bit of an envelope can be another."""
    sealed = bytearray(ENVELOPE.seal(b"secret", PLACE))
    at = data.draw(st.integers(0, len(sealed) - 1))
    sealed[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(StorageError):
        ENVELOPE.open(bytes(sealed), PLACE)


@pytest.mark.parametrize("length", [0, 1, 9, 20, 21, 36])
def test_a_short_envelope_is_refused(length):
    """What was cut off is no envelope."""
    with pytest.raises(StorageError):
        ENVELOPE.open(ENVELOPE.seal(b"", PLACE)[:length], PLACE)


def test_another_master_key_is_named_as_such():
    """The operator who brings the wrong key is told so, not that the data is broken."""
    with pytest.raises(StorageError, match="another master key"):
        Envelope(b"n" * 32).open(ENVELOPE.seal(b"secret", PLACE), PLACE)
    with pytest.raises(SettingsError):
        Envelope(b"short")


def test_a_master_key_is_made_once_and_private(tmp_path):
    """It is made only when asked to, is readable by its owner only, and stays the same."""
    reference = f"file:{tmp_path}/var/master.key"
    with pytest.raises(SettingsError):
        master_key(reference)
    made = master_key(reference, create=True)

    assert master_key(reference, create=True) == master_key(reference) == made
    assert len(made) == 32
    assert (tmp_path / "var/master.key").stat().st_mode & 0o777 == 0o600


def test_a_master_key_that_others_can_read_is_refused(tmp_path):
    """0600, or it is not used."""
    reference = f"file:{tmp_path}/master.key"
    master_key(reference, create=True)
    (tmp_path / "master.key").chmod(0o640)

    with pytest.raises(SettingsError, match="Others can read"):
        master_key(reference)


def test_a_master_key_of_the_environment_leaves_it(monkeypatch):
    """Processes that the server starts do not inherit it."""
    monkeypatch.setenv("UNDERSIGN_MASTER", "bW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW0")

    assert master_key("env:UNDERSIGN_MASTER") == b"m" * 32
    assert "UNDERSIGN_MASTER" not in os.environ
    for reference in ("env:UNDERSIGN_MASTER", "env:", "plain", "file:", "file:/nowhere"):
        with pytest.raises(SettingsError):
            master_key(reference)


@pytest.mark.parametrize("text", ["", "short", "!" * 43, "bW1t" * 20])
def test_a_malformed_master_key_is_refused(tmp_path, text):
    """Anything but 32 octets in base64url is no master key."""
    path = tmp_path / "master.key"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(SettingsError):
        master_key(f"file:{path}")
