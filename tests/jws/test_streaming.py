"""Files are signed and verified in pieces, and nothing is released before the signature has held."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from undersign import jwk, jws
from undersign.errors import (
    InvalidBase64Error,
    InvalidSignatureError,
    LimitError,
    MalformedTokenError,
    NotStreamableError,
    PolicyError,
    TokenError,
)
from undersign.limits import Limits

STREAMED = ("HS256", "RS256", "PS384", "ES256", "ES512", "ML-DSA-44")
SIZES = (0, 1, 2, 3, 3 * 256 * 1024 - 1, 3 * 256 * 1024, 3 * 256 * 1024 + 1, 2_000_003)
KEYS = {alg: jwk.generate(alg, size=2048 if alg[:2] in {"RS", "PS"} else None) for alg in STREAMED}
ED = jwk.generate("Ed25519")


def _public(key: jwk.Key) -> jwk.Key:
    return key if key.kty == "oct" else key.public()


def _file(folder: Path, size: int) -> Path:
    path = folder / "document"
    path.write_bytes(os.urandom(size))
    return path


@pytest.mark.parametrize("alg", STREAMED)
@pytest.mark.parametrize("encoded", [False, True])
def test_a_detached_file_verifies_as_a_stream_and_whole(alg: str, encoded: bool, tmp_path: Path) -> None:
    """What the stream signs is what RFC 7515 and RFC 7797 define: the in-memory verifier accepts it too."""
    document = _file(tmp_path, 1_000_001)
    token = jws.sign_file(document, KEYS[alg], b64=encoded)

    assert jws.verify_file(token, _public(KEYS[alg]), payload=document).key.kid == KEYS[alg].kid
    assert jws.verify(token, _public(KEYS[alg]), payload=document.read_bytes()).payload == document.read_bytes()


@pytest.mark.parametrize("size", SIZES)
def test_an_attached_file_comes_out_as_it_went_in(size: int, tmp_path: Path) -> None:
    """Sizes around every boundary of the pieces survive the round trip, and small ones verify in memory as well."""
    document, signed, out = _file(tmp_path, size), tmp_path / "signed", tmp_path / "out"
    key = KEYS["ES256"]
    jws.sign_file(document, key, output=signed)
    jws.verify_file(signed, key.public(), output=out)

    assert document.read_bytes() == out.read_bytes()
    if size <= 1_000_000:
        assert jws.verify(signed.read_bytes(), key.public()).payload == document.read_bytes()


def test_what_the_memory_signs_the_stream_verifies(tmp_path: Path) -> None:
    """Both ways of signing give the same kind of JWS."""
    document, out = _file(tmp_path, 100_000), tmp_path / "out"
    (tmp_path / "signed").write_text(jws.sign(document.read_bytes(), KEYS["RS256"]) + "\n")
    jws.verify_file(tmp_path / "signed", KEYS["RS256"].public(), output=out)

    assert document.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("at", [0.3, 0.6, 0.999])
def test_a_changed_octet_leaves_no_file(at: float, tmp_path: Path) -> None:
    """An attached file that was altered anywhere is refused, and neither the output nor a trace of it is there."""
    document, signed, out = _file(tmp_path, 2_000_000), tmp_path / "signed", tmp_path / "out"
    jws.sign_file(document, KEYS["ES256"], output=signed)
    octets = bytearray(signed.read_bytes())
    place = int(len(octets) * at)
    octets[place] = ord("A") if octets[place] != ord("A") else ord("B")
    signed.write_bytes(octets)

    with pytest.raises((InvalidSignatureError, InvalidBase64Error)):
        jws.verify_file(signed, KEYS["ES256"].public(), output=out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["document", "signed"]


@pytest.mark.parametrize("cut", [10, 500_000, 2_600_000])
def test_a_file_cut_off_is_refused(cut: int, tmp_path: Path) -> None:
    """A file that ends inside its header, payload or signature gives an error of ours and no output."""
    document, signed, out = _file(tmp_path, 2_000_000), tmp_path / "signed", tmp_path / "out"
    jws.sign_file(document, KEYS["ES256"], output=signed)
    signed.write_bytes(signed.read_bytes()[:cut])

    with pytest.raises(TokenError):
        jws.verify_file(signed, KEYS["ES256"].public(), output=out)
    assert not out.exists()


def test_an_output_that_is_there_stays_until_the_new_one_is_verified(tmp_path: Path) -> None:
    """A refused file does not damage what an earlier run wrote."""
    document, signed, out = _file(tmp_path, 1000), tmp_path / "signed", tmp_path / "out"
    out.write_bytes(b"the good one")
    jws.sign_file(document, KEYS["ES256"], output=signed)
    with pytest.raises(InvalidSignatureError):
        jws.verify_file(signed, jwk.generate("ES256").public(), output=out)

    assert out.read_bytes() == b"the good one"


def test_another_document_is_refused(tmp_path: Path) -> None:
    """A detached JWS holds for its own file only."""
    document = _file(tmp_path, 1000)
    token = jws.sign_file(document, KEYS["PS384"])
    with pytest.raises(InvalidSignatureError):
        jws.verify_file(token, KEYS["PS384"].public(), payload=io.BytesIO(document.read_bytes() + b"."))


def test_eddsa_is_refused_beyond_its_limit(tmp_path: Path) -> None:
    """EdDSA signs what fits in memory and says not_streamable for more."""
    small = _file(tmp_path, 1000)
    assert jws.verify_file(jws.sign_file(small, ED), ED.public(), payload=small).header["alg"] == "Ed25519"

    with pytest.raises(NotStreamableError) as refused:
        jws.verify_file(jws.sign_file(small, ED), ED.public(), payload=small, limits=Limits(payload=999))
    assert refused.value.code == "not_streamable"


def test_a_pipe_that_gives_little_at_a_time_is_read_whole() -> None:
    """Pieces that are not full do not change what is signed."""

    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(7, size or 7))

    content = os.urandom(1001)
    token = jws.sign_file(Dripping(content), KEYS["HS256"], b64=True)
    assert jws.verify(token, KEYS["HS256"], payload=content).payload == content


def test_progress_counts_octets(tmp_path: Path) -> None:
    """The callback hears how many octets were read, rising to the file's size."""
    heard: list[int] = []
    document = _file(tmp_path, 2_000_000)
    jws.sign_file(document, KEYS["ES256"], progress=heard.append)
    assert heard == sorted(heard)
    assert heard[-1] == 2_000_000


def test_wrong_combinations_are_refused(tmp_path: Path) -> None:
    """A call that could be read in two ways is a PolicyError, and a header without end a LimitError."""
    document = _file(tmp_path, 10)
    token = jws.sign_file(document, KEYS["ES256"])
    public = KEYS["ES256"].public()
    with pytest.raises(PolicyError):
        jws.verify_file(token, public)
    with pytest.raises(PolicyError):
        jws.verify_file(token, public, payload=document, output=tmp_path / "out")
    with pytest.raises(PolicyError):
        jws.sign_file(document, KEYS["ES256"], output=tmp_path / "out", b64=False)
    with pytest.raises(MalformedTokenError):
        jws.verify_file("a.b.c", public, payload=document)
    with pytest.raises((MalformedTokenError, LimitError)):
        jws.verify_file(io.BytesIO(b"A" * 100_000), public, output=io.BytesIO())


GIBIBYTE = """
import sys
from undersign import jwk, jws
alg, path = sys.argv[1:]
key = jwk.generate(alg)
token = jws.sign_file(path, key)
jws.verify_file(token, key if key.kty == "oct" else key.public(), payload=path)
# The kernel's own high-water mark of this program; getrusage would count what the test runner held before exec.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.slow
@pytest.mark.parametrize("alg", ["RS256", "ES256", "HS256", "PS256", "ML-DSA-65"])
def test_a_gibibyte_takes_less_than_64_mebibytes(alg: str, tmp_path: Path) -> None:
    """A file of 1 GiB is signed and verified by a process that never holds more than 64 MiB."""
    document = tmp_path / "gibibyte"
    with document.open("wb") as file:
        file.truncate(2**30)
    ran = subprocess.run(
        [sys.executable, "-c", GIBIBYTE, alg, str(document)], capture_output=True, text=True, check=True, timeout=300
    )
    assert int(ran.stdout) < 64 * 1024
