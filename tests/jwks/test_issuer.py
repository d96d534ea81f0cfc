"""From an issuer's name to its keys: both kinds of metadata, and whose metadata is believed."""

import pytest

from tests.jwks.tls import HOST, Clock, document, fetcher, find, reply, serving
from undersign import jwk, jwks, jwt
from undersign.encoding import dump_json
from undersign.errors import FetchError, PolicyError, UnknownKeyError
from undersign.fetch import Fetched

ONE, TWO = jwk.generate("ES256"), jwk.generate("ES256")
ISSUER = "https://as.example"
OPENID = "https://as.example/.well-known/openid-configuration"
OAUTH = "https://as.example/.well-known/oauth-authorization-server"


class Web:
    """Documents by address, and what was asked for."""

    def __init__(self, documents):
        self.documents, self.asked = documents, []

    def __call__(self, url):
        self.asked.append(url)
        if url not in self.documents:
            raise FetchError("The answer was 404, not 200; redirects are not followed.")
        return Fetched(self.documents[url], "application/json")


def metadata(issuer=ISSUER, jwks_uri="https://keys.example/jwks.json", **more):
    return dump_json({"issuer": issuer, "jwks_uri": jwks_uri, **more})


def web(at=OPENID, **more):
    return Web({at: metadata(**more), "https://keys.example/jwks.json": document(ONE)})


def test_openid_metadata_leads_to_the_keys():
    """Nothing is fetched when the set is made; then metadata and set, once each."""
    found = web()
    keys = jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found)
    assert found.asked == []
    assert find(keys, ONE) == ONE.kid
    find(keys, ONE)

    assert found.asked == [OPENID, "https://keys.example/jwks.json"]


def test_oauth_metadata_leads_to_the_keys():
    """A server without OpenID Connect is found by RFC 8414."""
    found = web(OAUTH)
    assert find(jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found), ONE) == ONE.kid
    assert found.asked == [OPENID, OAUTH, "https://keys.example/jwks.json"]


@pytest.mark.parametrize(
    "issuer,openid,oauth",
    [
        ("https://as.example/tenant", "/tenant/.well-known/openid-configuration", "/tenant"),
        ("https://as.example/tenant/", "/tenant/.well-known/openid-configuration", "/tenant"),
        ("https://as.example/", "/.well-known/openid-configuration", ""),
    ],
)
def test_a_path_goes_before_one_well_known_and_behind_the_other(issuer, openid, oauth):
    """OpenID appends to the issuer's path, RFC 8414 puts it behind; a last slash is dropped there and nowhere else."""
    for at in (f"https://as.example{openid}", OAUTH + oauth):
        assert find(jwks.RemoteKeySet.from_issuer(issuer, fetch=web(at, issuer=issuer)), ONE) == ONE.kid


@pytest.mark.parametrize(
    "stated",
    [
        "https://as.example/",
        "https://AS.example",
        "https://as.example:443",
        "http://as.example",
        "https://as.example.evil.example",
        "https://evil.example",
        ["https://as.example"],
        "https://as.example/{tenantid}",
        None,
        1,
    ],
)
def test_metadata_of_another_issuer_is_refused(stated):
    """Mix-up: metadata that names any other issuer, by so much as a slash, gives no keys (RFC 8414 section 3.3)."""
    found = web(issuer=stated)
    with pytest.raises(UnknownKeyError, match="another issuer"):
        find(jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found), ONE)

    assert found.asked == [OPENID]


@pytest.mark.parametrize(
    "jwks_uri",
    [
        "http://keys.example/jwks.json",
        "http://127.0.0.1/jwks.json",
        "file:///etc/passwd",
        "data:application/json,{}",
        "https://user@keys.example/",
        "https://keys.example/#x",
        "//keys.example/jwks.json",
        "/jwks.json",
        "https://[::1/",
        "",
        None,
        ["https://keys.example/jwks.json"],
        1,
    ],
)
def test_a_key_set_that_is_not_at_https_is_refused(jwks_uri):
    """Metadata cannot lead anywhere but to https, whatever the fetch would allow."""
    found = web(jwks_uri=jwks_uri)
    with pytest.raises(UnknownKeyError):
        find(jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found), ONE)

    assert found.asked == [OPENID]


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b"", b"{" * 5000, b'{"issuer":"https://as.example"}', b'{"issuer":1,"issuer":2}']
)
def test_metadata_that_cannot_be_read_gives_no_keys(body):
    """Whatever the metadata holds, find says that the key is unknown and why."""
    with pytest.raises(UnknownKeyError, match=r"\("):
        find(jwks.RemoteKeySet.from_issuer(ISSUER, fetch=Web({OPENID: body})), ONE)


def test_without_metadata_both_reasons_are_told():
    """Where neither document can be fetched, the reason names both answers."""
    found = Web({})
    with pytest.raises(UnknownKeyError, match=r"Neither metadata .*404.*404"):
        find(jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found), ONE)

    assert found.asked == [OPENID, OAUTH]


@pytest.mark.parametrize(
    "issuer",
    [
        "http://as.example",
        "as.example",
        "",
        None,
        "https://as.example?x=1",
        "https://as.example#x",
        "https://a@b",
        "https://é",
    ],
)
def test_an_issuer_is_an_https_address(issuer):
    """What RFC 8414 section 2 does not let be an issuer is refused when the set is made."""
    with pytest.raises(PolicyError):
        jwks.RemoteKeySet.from_issuer(issuer)


def test_metadata_is_read_again_after_an_hour_and_after_a_failure():
    """A key set that moves is found: at the latest an hour later, and at once when it is gone from its old place."""
    clock, found = Clock(), web()
    keys = jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found, clock=clock, ahead=0)
    find(keys, ONE)
    clock.now = 301.0
    find(keys, ONE)
    assert found.asked.count(OPENID) == 1

    found.documents[OPENID] = metadata(jwks_uri="https://keys.example/new.json")
    found.documents["https://keys.example/new.json"] = document(TWO)
    clock.now = 3601.0
    assert find(keys, TWO) == TWO.kid
    with pytest.raises(UnknownKeyError):
        find(keys, ONE)

    del found.documents["https://keys.example/new.json"]
    found.documents[OPENID] = metadata()
    clock.now = 4000.0
    assert find(keys, TWO) == TWO.kid
    clock.now = 100_000.0
    assert find(keys, ONE) == ONE.kid


def test_a_set_that_moved_is_not_revalidated():
    """The ETag of the old place means nothing at the new one, where the same tag may name other keys."""

    class Tagged(Web):
        """Every document has the same tag, and who sends it back is told that nothing changed."""

        def __call__(self, url):
            return super().__call__(url)._replace(etag='"1"')

        def revalidate(self, url, known):
            self.asked.append(f"again {url}")
            return known

    clock = Clock()
    found = Tagged({OPENID: metadata(), "https://keys.example/jwks.json": document(ONE)})
    keys = jwks.RemoteKeySet.from_issuer(ISSUER, fetch=found, clock=clock, ahead=0)
    find(keys, ONE)
    clock.now = 301.0
    find(keys, ONE)
    assert found.asked[-1] == "again https://keys.example/jwks.json"
    found.documents = {OPENID: metadata(jwks_uri="https://new.example/"), "https://new.example/": document(TWO)}
    clock.now = 4000.0

    assert find(keys, TWO) == TWO.kid


def test_a_google_shaped_issuer_verifies_an_id_token_over_tls():
    """Issuer, metadata with ETag and max-age, key set elsewhere on the server, RS256 keys that name their algorithm."""
    key = jwk.generate("RS256", size=2048)
    with serving(reply()) as server:
        issuer = f"https://{HOST}:{server.port}"
        pages = {
            b"/.well-known/openid-configuration": metadata(
                issuer, f"{issuer}/oauth2/v3/certs", scopes_supported=["openid"]
            ),
            b"/oauth2/v3/certs": document(key),
        }

        def answer(connection, request):
            path = request.split()[1]
            known = b'If-None-Match: "g"' in request and path.endswith(b"certs")
            status = "304 Not Modified" if known else "200 OK"
            reply(b"" if known else pages[path], status, 'ETag: "g"', "Cache-Control: max-age=900")(connection, request)

        server.answer = answer
        clock = Clock()
        keys = jwks.RemoteKeySet.from_issuer(issuer, fetch=fetcher(), clock=clock, ahead=0)
        token = jwt.Signer(key, issuer=issuer, audience="client").sign({"sub": "10769150350006150715113082367"})
        verifier = jwt.Verifier(keys, issuer=issuer, audience="client", algorithms=["RS256"])
        assert verifier.verify(token).claims["sub"].startswith("1076")
        clock.now = 901.0
        verifier.verify(token)

    asked = [(request.split()[1], b'If-None-Match: "g"' in request) for request in server.asked]
    assert asked == [
        (b"/.well-known/openid-configuration", False),
        (b"/oauth2/v3/certs", False),
        (b"/oauth2/v3/certs", True),
    ]
