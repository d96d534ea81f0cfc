"""Remote key sets against a real TLS server that stalls, drips, redirects, lies, rebinds, dies and comes back."""

import gzip
import threading
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.jwks.tls import Clock, document, eventually, fetcher, find, issue, no_thread_left, octets, reply, serving
from undersign import jwk, jwks
from undersign.encoding import dump_json
from undersign.errors import UnknownKeyError

ONE, TWO = jwk.generate("ES256"), jwk.generate("ES256")


@pytest.fixture(autouse=True)
def threads():
    """No test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    no_thread_left(before)


@pytest.fixture
def clock():
    return Clock()


def test_a_set_is_fetched_over_tls():
    """The whole way: name resolved, certificate verified, set parsed, key found."""
    with serving(reply(document(ONE))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher())
        assert find(keys, ONE) == ONE.kid

    assert b"Host: as.example:" in server.asked[0]
    assert b"If-None-Match" not in server.asked[0]


def test_an_unchanged_set_is_not_sent_again(clock):
    """With the ETag of the last good answer a 304 renews the set, whose Key objects stay the same (RFC 9110 13.1.2)."""
    told = []

    def answer(connection, request):
        same = b'If-None-Match: "v1"\r\n' in request
        chosen = reply(b"", "304 Not Modified", 'ETag: "v1"') if same else reply(document(ONE), "200 OK", 'ETag: "v1"')
        chosen(connection, request)

    with serving(answer) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock, on_refresh=told.append)
        first = keys.find(ONE.kid, None, "ES256")
        clock.now = 301
        assert keys.find(ONE.kid, None, "ES256") is first
        clock.now = 302
        find(keys, ONE)

    assert [each.changed for each in told] == [True, False]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    "etag", ["no-quotes", '"a"b"', '"' + "x" * 300 + '"', '"a\tb"', '"a"\r\n Injected: yes', '"\xe9"'], ids=range(6)
)
def test_an_etag_that_could_inject_a_header_is_not_sent_back(etag, clock):
    """An ETag is kept only in the strict form of RFC 9110, so that no folded text reaches the next request."""
    with serving(reply(document(ONE), "200 OK", f"ETag: {etag}")) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)
        find(keys, ONE)
        clock.now = 301
        find(keys, ONE)

    assert b"If-None-Match" not in server.asked[1]
    assert b"Injected" not in server.asked[1]


@pytest.mark.parametrize(
    "headers,fresh_for",
    [
        ([], 300),
        (["Cache-Control: max-age=60"], 60),
        (['Cache-Control: public, MAX-AGE = "600", must-revalidate'], 600),
        (["Cache-Control: max-age=600", "Age: 500"], 100),
        (["Cache-Control: max-age=1"], 30),
        (["Cache-Control: max-age=600, no-cache"], 30),
        (["Cache-Control: no-store"], 30),
        (["Cache-Control: max-age=-1"], 30),
        (["Cache-Control: max-age=1e9"], 30),
        (["Cache-Control: max-age=" + "9" * 5000], 30),
        (["Cache-Control: max-age=31536000"], 3600),
        (["Cache-Control: max-age=600", "Age: nonsense"], 600),
        (["Cache-Control: s-maxage=9, private"], 300),
    ],
    ids=range(13),
)
def test_cache_control_says_how_long_a_set_is_fresh(headers, fresh_for, clock):
    """max-age less Age counts, never less than the cooldown, never more than max_ttl (RFC 9111 section 4.2)."""
    with serving(reply(document(ONE), "200 OK", *headers)) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock, ahead=0)
        find(keys, ONE)
        clock.now = fresh_for - 1
        find(keys, ONE)
        assert len(server.asked) == 1
        clock.now = fresh_for + 1
        find(keys, ONE)
        assert len(server.asked) == 2


def test_no_store_keeps_no_etag(clock):
    """What must not be stored is not asked for by name either."""
    with serving(reply(document(ONE), "200 OK", "Cache-Control: no-store", 'ETag: "v1"')) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock)
        find(keys, ONE)
        clock.now = 31
        find(keys, ONE)

    assert b"If-None-Match" not in server.asked[1]


BODY = document(TWO)


def drip(connection, _):
    for octet in b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY:
        connection.sendall(bytes([octet]))
        time.sleep(0.02)


def bad_answers():
    whole = b"HTTP/1.1 200 OK\r\n"
    packed = gzip.compress(b'{"keys":[' + b" " * 50_000_000 + b"]}")
    zipped = b"Content-Length: %d\r\n\r\n" % len(packed) + packed
    return {
        "stall": lambda connection, _: connection.recv(1),
        "drip": drip,
        "hang up": lambda *_: None,
        "redirect": reply(b"", "302 Found", "Location: http://169.254.169.254/latest/meta-data/"),
        "permanent redirect": reply(BODY, "308 Permanent Redirect", "Location: https://other.example/jwks.json"),
        "longer than it says": octets(whole + b"Content-Length: %d\r\n\r\n" % (len(BODY) - 5) + BODY),
        "shorter than it says": octets(whole + b"Content-Length: %d\r\n\r\n" % (len(BODY) + 5) + BODY),
        "no length and cut": octets(whole + b"\r\n" + BODY[:-5]),
        "10 000 keys": reply(dump_json({"keys": [{"kty": "EC", "kid": str(number)} for number in range(10_000)]})),
        "1025 keys": reply(dump_json({"keys": [{"kty": "XYZ"}] * 1025})),
        "10 MB": reply(b'{"keys":[' + b" " * 10_000_000 + b"]}"),
        "endless chunks": octets(
            whole + b"Transfer-Encoding: chunked\r\n\r\n" + b"4000\r\n" + b" " * 0x4000 + b"\r\n" * 2
        ),
        "gzip bomb": octets(whole + b"Content-Encoding: gzip\r\n" + zipped),
        "gzip as transfer": octets(whole + b"Transfer-Encoding: gzip, chunked\r\n" + zipped),
        "page": octets(whole + b"Content-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY),
        "empty": reply(b'{"keys":[]}'),
        "nothing": reply(b"{}"),
        "deep": reply(b"[" * 100_000),
        "down": reply(b"", "503 Service Unavailable"),
        "unasked 304": reply(b"", "304 Not Modified"),
        "other protocol": octets(b"220 mail.example ESMTP\r\n"),
    }


BAD = bad_answers()


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_answer_is_told_and_never_replaces_a_good_set(kind, clock):
    """Whatever the server does: one attempt that ends in time, its reason told, and the old set serves on."""
    with serving(reply(document(ONE))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(timeout=0.4), clock=clock, ahead=0)
        find(keys, ONE)
        server.answer = BAD[kind]
        clock.now = 301
        started = time.monotonic()
        assert find(keys, ONE) == ONE.kid
        with pytest.raises(UnknownKeyError, match=r" \(.+\)"):
            find(keys, TWO)
        assert time.monotonic() - started < 4
        assert keys.failure is not None
        assert keys.failure.code in {"fetch_failed", "limit_exceeded", "invalid_json", "malformed_token"}
        assert len(server.asked) == 2
        clock.now = 86_401
        server.answer = reply(b"", "503 Service Unavailable")
        with pytest.raises(UnknownKeyError):
            find(keys, ONE)


def test_redirects_are_not_followed(clock):
    """The place that a redirect names hears nothing."""
    with serving(reply(document(ONE))) as other:
        with serving(reply(b"", "307 Temporary Redirect", f"Location: {other.url()}")) as server:
            with pytest.raises(UnknownKeyError, match="307"):
                find(jwks.RemoteKeySet(server.url(), fetch=fetcher()), ONE)
            assert len(server.asked) == 1
        assert other.asked == []


def test_a_name_that_rebinds_to_an_inner_address_is_refused(clock):
    """DNS rebinding: a name that was allowed and is now 127.0.0.2 is refused unconnected, and the old set serves."""
    addresses = [["127.0.0.1"], ["127.0.0.2"], ["127.0.0.1", "10.0.0.1"], ["::ffff:127.0.0.2"], ["64:ff9b::7f00:2"]]
    resolved = []

    def resolve(host, _):
        resolved.append(host)
        return addresses[len(resolved) - 1]

    with serving(reply(document(ONE)), address="0.0.0.0") as server:  # noqa: S104 - so that 127.0.0.2 would answer
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(resolve), clock=clock, ahead=0)
        for attempt in range(len(addresses)):
            clock.now = attempt * 301.0
            assert find(keys, ONE) == ONE.kid
            if attempt:
                eventually(lambda attempt=attempt: len(resolved) == attempt + 1)
                eventually(lambda: not keys._flight.locked())
                assert "special-purpose" in keys.failure.message
        assert len(server.asked) == 1

    assert resolved == ["as.example"] * len(addresses)


@pytest.mark.parametrize("trouble", ["other name", "other authority"])
def test_a_certificate_that_does_not_hold_is_refused(trouble):
    """A man in the middle has a certificate for another name, or of an authority that nobody trusts."""
    own = ec.generate_private_key(ec.SECP256R1())
    more = {"host": "evil.example"} if trouble == "other name" else {"issuer": (issue("Test authority", own), own)}
    with (
        serving(reply(document(ONE)), **more) as server,
        pytest.raises(UnknownKeyError, match="SSLCertVerificationError"),
    ):
        find(jwks.RemoteKeySet(server.url(), fetch=fetcher()), ONE)

    assert server.asked == []


def test_a_server_that_dies_and_comes_back_is_outlived(clock):
    """While it is away the last good set serves; once back, and after the cooldown, its new keys are found."""
    with serving(reply(document(ONE))) as server:
        keys = jwks.RemoteKeySet(server.url(), fetch=fetcher(), clock=clock, ahead=0)
        find(keys, ONE)
        server.stop()
        clock.now = 301
        assert find(keys, ONE) == ONE.kid
        assert "ConnectionRefused" in keys.failure.message
        server.answer = reply(document(TWO))
        server.start()
        with pytest.raises(UnknownKeyError):
            find(keys, TWO)
        clock.now = 340
        eventually(lambda: find(keys, TWO) == TWO.kid)
        with pytest.raises(UnknownKeyError):
            find(keys, ONE)
