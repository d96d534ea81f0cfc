"""jku and x5c: read under a policy of ours, and then only as far as it trusts them."""

import asyncio
import base64
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.jwks.chains import CODE_SIGNING, NOW, certify, x5c
from undersign import jwk, jwks, jws, jwt
from undersign.encoding import b64url_encode, dump_json
from undersign.errors import (
    AlgorithmNotAllowedError,
    InvalidHeaderError,
    InvalidSignatureError,
    KeyMaterialError,
    PolicyError,
    UndersignError,
    UnknownKeyError,
    UntrustedCertificateError,
)
from undersign.fetch import Fetched
from undersign.jwk.certificate import x5t_s256

ONE, TWO, EVIL = (jwk.generate("ES256") for _ in range(3))
A, B = "https://a.example/jwks.json", "https://b.example/jwks.json"
PUBLISHED = {A: ONE, B: TWO}


class Web:
    """The two key sets, and what was asked for."""

    def __init__(self):
        self.asked = []

    def __call__(self, url):
        self.asked.append(url)
        return Fetched(dump_json({"keys": [PUBLISHED[url].public().to_jwk()]}), "application/json")


@pytest.fixture
def web():
    return Web()


def signed(key, **header):
    return jws.sign(b"content", key, header=header)


def test_a_jku_chooses_among_trusted_addresses(web):
    """Each token's key is sought in the set that it names, which is fetched when it is first named."""
    trusted = jwks.TrustedUrls([A, B], fetch=web)
    assert jws.verify(signed(TWO, jku=B), trusted).key.kid == TWO.kid
    assert web.asked == [B]
    assert jws.verify(signed(ONE, jku=A), trusted).key.kid == ONE.kid
    with pytest.raises(UnknownKeyError):
        jws.verify(signed(ONE, jku=B), trusted)

    assert web.asked == [B, A]


@pytest.mark.parametrize(
    "jku",
    [
        "https://evil.example/jwks.json",
        "https://a.example/jwks.json/",
        "https://a.example/jwks.json?x",
        "https://a.example/jwks.json#x",
        "https://A.example/jwks.json",
        "https://a.example:443/jwks.json",
        "https://a.example/x/../jwks.json",
        "https://a.example@evil.example/jwks.json",
        "https://a.example/jwks.json.evil.example",
        "http://a.example/jwks.json",
        "",
    ],
)
def test_a_jku_that_is_not_trusted_is_never_fetched(jku, web):
    """Prefixes, spellings and redirectors of a trusted address are other addresses, and nothing is fetched for them."""
    with pytest.raises(UnknownKeyError, match="no trusted address"):
        jws.verify(signed(EVIL, jku=jku), jwks.TrustedUrls([A, B], fetch=web))

    assert web.asked == []


@pytest.mark.parametrize("jku", [1, None, [A], {"a": A}])
def test_a_jku_that_is_no_text_is_refused(jku, web):
    """The header's types are checked before any policy sees it."""
    token = jws.sign(b"content", EVIL, header={}).split(".")
    token[0] = b64url_encode(dump_json({"alg": "ES256", "jku": jku}))
    with pytest.raises(InvalidHeaderError):
        jws.verify(".".join(token), jwks.TrustedUrls([A], fetch=web))


def test_a_token_without_jku_finds_no_key(web):
    """A policy about jku is no fallback to any of its sets."""
    with pytest.raises(UnknownKeyError, match="no jku"):
        jws.verify(signed(ONE), jwks.TrustedUrls([A], fetch=web))
    with pytest.raises(UnknownKeyError, match="header only"):
        jwks.TrustedUrls([A], fetch=web).find(ONE.kid, None, "ES256")


def test_an_unprotected_jku_is_not_read(web):
    """What the signature does not cover says nothing about where the key comes from."""
    token = jws.sign(b"content", jws.By(ONE, header={"jku": A}), serialization="flattened")
    with pytest.raises(UnknownKeyError, match="protected header has no jku"):
        jws.verify(token, jwks.TrustedUrls([A], fetch=web))
    token = jws.sign(b"content", jws.By(ONE, protected={"jku": A}), serialization="flattened")

    assert jws.verify(token, jwks.TrustedUrls([A], fetch=web)).payload == b"content"


def test_the_algorithm_is_still_the_keys(web):
    """Key confusion: a trusted set's public key is no secret for HS256, whatever the header says."""
    public = ONE.public().to_pem().encode()
    token = jws.sign(b"content", jwk.generate("HS256"), header={"jku": A, "kid": ONE.kid})
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(token, jwks.TrustedUrls([A], fetch=web))
    with pytest.raises(KeyMaterialError):
        jwk.secret(public, alg="HS256")


def test_in_an_event_loop_the_named_set_is_refreshed(web):
    """averify refreshes the one set that the token names."""
    verifier = jwt.Verifier(jwks.TrustedUrls([A, B], fetch=web), issuer="i", audience="a")
    token = jwt.Signer(ONE, issuer="i", audience="a", header={"jku": A}).sign({"sub": "ana"})

    assert asyncio.run(verifier.averify(token)).claims["sub"] == "ana"
    assert web.asked == [A]
    with pytest.raises(UnknownKeyError):
        asyncio.run(verifier.averify(jwt.Signer(ONE, issuer="i", audience="a").sign({})))


@pytest.mark.parametrize("urls", [[], A, ["http://a.example/"], ["file:///etc/passwd"], [1], [A, "a.example"]])
def test_trusted_addresses_are_https(urls):
    """A policy with no address, or one that is not https, is refused when it is built."""
    with pytest.raises(PolicyError):
        jwks.TrustedUrls(urls)


ROOT = certify("Root", authority=True, usages=None, years=(2020, 2040))
MIDDLE = certify("Middle", ROOT, authority=True, usages=None, years=(2025, 2030))
LEAF = certify("Ana", MIDDLE)


def policy(root=ROOT, usage="codeSigning", now=NOW):
    return jwks.CertificateChain([root.certificate], usage=usage, now=now)


def by(*chain, alg=None, **header):
    return jws.sign(b"content", chain[0].key(alg), header={"x5c": x5c(*chain), **header})


def test_a_chain_to_a_root_of_ours_brings_its_key():
    """The first certificate's key verifies, and the evidence says whose certificate it was."""
    verified = jws.verify(by(LEAF, MIDDLE), policy())

    assert verified.payload == b"content"
    assert verified.key.x5c == (LEAF.der,)
    assert jws.verify(by(LEAF, MIDDLE, ROOT), policy()).payload == b"content"


def test_roots_come_in_every_form():
    """PEM with several certificates, DER and cryptography's own are roots."""
    other = certify("Other", authority=True, usages=None)
    pem = b"".join(each.certificate.public_bytes(Encoding.PEM) for each in (other, ROOT))
    for roots in ([pem], [pem.decode()], pem.decode(), [ROOT.der], [other.der, ROOT.certificate]):
        assert jws.verify(by(LEAF, MIDDLE), jwks.CertificateChain(roots, usage="codeSigning", now=NOW)).key


def other_root():
    fake = certify("Root", authority=True, usages=None, years=(2020, 2040))
    return certify("Ana", fake), fake


def leaf_as_authority():
    return certify("Victim", LEAF), LEAF, MIDDLE


def too_long():
    chain = [certify("Root 0", ROOT, authority=True, usages=None, years=(2025, 2030))]
    for number in range(8):
        chain.insert(0, certify(f"Root {number + 1}", chain[0], authority=True, usages=None, years=(2025, 2030)))
    return certify("Ana", chain[0]), *chain


def beyond_path_length():
    short = certify("Short", ROOT, authority=True, usages=None, years=(2025, 2030), path_length=0)
    below = certify("Below", short, authority=True, usages=None, years=(2025, 2030))
    return certify("Ana", below), below, short


def authority_for_another_use():
    narrow = certify("Narrow", ROOT, authority=True, usages=(x509.ExtendedKeyUsageOID.SERVER_AUTH,), years=(2025, 2030))
    return certify("Ana", narrow), narrow


ATTACKS = {
    "self-signed": lambda: (certify("Ana"),),
    "another root of the same name": other_root,
    "middle missing": lambda: (LEAF,),
    "order reversed": lambda: (LEAF, ROOT, ROOT),
    "leaf that plays authority": leaf_as_authority,
    "authority as signer": lambda: (MIDDLE, ROOT),
    "root as signer": lambda: (ROOT,),
    "expired": lambda: (certify("Ana", MIDDLE, years=(2025, 2026)), MIDDLE),
    "not yet valid": lambda: (certify("Ana", MIDDLE, years=(2027, 2028)), MIDDLE),
    "no usage": lambda: (certify("Ana", MIDDLE, usages=None), MIDDLE),
    "another usage": lambda: (certify("Ana", MIDDLE, usages=(x509.ExtendedKeyUsageOID.CLIENT_AUTH,)), MIDDLE),
    "any usage": lambda: (certify("Ana", MIDDLE, usages=(x509.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)), MIDDLE),
    "key that must not sign": lambda: (certify("Ana", MIDDLE, signs=False), MIDDLE),
    "too long": too_long,
    "beyond the path length": beyond_path_length,
    "authority for another use": authority_for_another_use,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_chain_that_does_not_hold_is_refused(attack):
    """Chains that end elsewhere, are out of date, for another use, too long or signed by who is no authority."""
    with pytest.raises((UntrustedCertificateError, KeyMaterialError)) as caught:
        jws.verify(by(*ATTACKS[attack]()), policy())

    assert len(str(caught.value)) < 300


def test_authorities_may_be_for_any_usage_or_for_ours():
    """An authority that states usages must cover the one that the policy names."""
    for usages in ((CODE_SIGNING,), (x509.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)):
        middle = certify("M", ROOT, authority=True, usages=usages, years=(2025, 2030))
        assert jws.verify(by(certify("Ana", middle), middle), policy()).key


def test_usage_none_takes_whatever_is_stated():
    """Only a policy that says None in so many words asks for no usage."""
    for usages in (None, (x509.ExtendedKeyUsageOID.SERVER_AUTH,), (CODE_SIGNING,)):
        assert jws.verify(by(certify("Ana", MIDDLE, usages=usages), MIDDLE), policy(usage=None)).key
    with pytest.raises(TypeError):
        jwks.CertificateChain([ROOT.certificate])


def test_a_usage_is_a_name_or_an_object_identifier():
    """documentSigning of RFC 9336 has a name, any other is written in dots, and what is neither is refused."""
    signing = certify("Ana", MIDDLE, usages=(x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),))
    for usage in ("documentSigning", "1.3.6.1.5.5.7.3.36"):
        assert jws.verify(by(signing, MIDDLE), policy(usage=usage)).key
    for usage in ("signing", "", "1.2.x", 7):
        with pytest.raises(PolicyError):
            policy(usage=usage)


def test_the_moment_is_now_unless_given():
    """A clock is read at each token, a fixed moment stays, and one without a time zone is refused."""
    times = iter([NOW.timestamp(), datetime(2027, 2, 1, tzinfo=UTC).timestamp()])
    chain = policy(now=lambda: next(times))
    jws.verify(by(LEAF, MIDDLE), chain)
    with pytest.raises(UntrustedCertificateError, match="valid at"):
        jws.verify(by(LEAF, MIDDLE), chain)
    assert jws.verify(by(LEAF, MIDDLE), policy(now=NOW.timestamp())).key
    with pytest.raises(PolicyError):
        policy(now=datetime(2026, 6, 1))  # noqa: DTZ001 - the mistake
    with pytest.raises(UntrustedCertificateError):
        jws.verify(by(certify("Ana", MIDDLE, years=(2025, 2026)), MIDDLE), policy(now=None))


@pytest.mark.parametrize("alg", ["ES256", "ES384", "ES512", "Ed25519", "PS256"])
def test_the_leafs_key_decides_the_algorithm(alg):
    """The key is bound by its kind; an RSA key, which names none, serves only what the caller names."""
    private = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ES512": lambda: ec.generate_private_key(ec.SECP521R1()),
        "Ed25519": ed25519.Ed25519PrivateKey.generate,
        "PS256": lambda: rsa.generate_private_key(65537, 2048),
    }[alg]()
    leaf = certify("Ana", MIDDLE, private=private)
    token = by(leaf, MIDDLE, alg=alg)
    assert jws.verify(token, policy(), algorithms=[alg]).key.alg == alg
    if alg == "PS256":
        with pytest.raises(AlgorithmNotAllowedError):
            jws.verify(token, policy())
    else:
        assert jws.verify(token, policy()).key.alg == alg
    with pytest.raises(AlgorithmNotAllowedError):
        jws.verify(token, policy(), algorithms=["HS256"])


def test_another_key_with_a_good_chain_is_refused():
    """A chain copied from somebody's token does not help who lacks the private key."""
    token = jws.sign(b"content", EVIL, header={"x5c": x5c(LEAF, MIDDLE)})
    with pytest.raises(InvalidSignatureError):
        jws.verify(token, policy())


def test_the_thumbprint_must_be_the_first_certificates():
    """x5t#S256 beside x5c names the certificate that signs (RFC 7515 section 4.1.8)."""
    assert jws.verify(by(LEAF, MIDDLE, **{"x5t#S256": x5t_s256(LEAF.der)}), policy()).key
    with pytest.raises(UntrustedCertificateError, match="another certificate"):
        jws.verify(by(LEAF, MIDDLE, **{"x5t#S256": x5t_s256(MIDDLE.der)}), policy())


def test_a_token_without_a_chain_finds_no_key():
    """A policy about x5c knows no keys of its own, and an unprotected chain is not read."""
    with pytest.raises(UnknownKeyError, match="no x5c"):
        jws.verify(signed(ONE), policy())
    flat = jws.sign(b"content", jws.By(LEAF.key(), header={"x5c": x5c(LEAF, MIDDLE)}), serialization="flattened")
    with pytest.raises(UnknownKeyError, match="protected header has no x5c"):
        jws.verify(flat, policy())
    with pytest.raises(UnknownKeyError, match="header only"):
        policy().find(None, None, "ES256")


@pytest.mark.parametrize(
    "value",
    [[], ["AAAA"], [1], [""], ["-----BEGIN CERTIFICATE-----"], ["A" * 30_000], x5c(LEAF) * 9, [x5c(LEAF)[0] + "\n"]],
    ids=range(8),
)
def test_a_chain_that_cannot_be_read_is_refused(value):
    """Hostile DER, too many certificates and loose base64 give an UndersignError and nothing else."""
    with pytest.raises(UndersignError):
        jws.verify(jws.sign(b"content", EVIL, header={"x5c": value}), policy())


def test_a_changed_certificate_loads_or_is_refused():
    """jwk.load of a certificate with any one octet changed, its version too, gives a key or an UndersignError."""
    for place in range(len(LEAF.der)):
        changed = LEAF.der[:place] + bytes([LEAF.der[place] ^ 0x41]) + LEAF.der[place + 1 :]
        with suppress(UndersignError):
            jwk.load(changed)


def test_any_cut_or_changed_certificate_is_refused():
    """Each single octet of the leaf changed, and each length cut, gives an UndersignError and no panic."""
    for place in range(0, len(LEAF.der), 3):
        changed = LEAF.der[:place] + bytes([LEAF.der[place] ^ 0x41]) + LEAF.der[place + 1 :]
        for der in (changed, LEAF.der[:place]):
            header = {"x5c": [base64.b64encode(der).decode(), *x5c(MIDDLE)]}
            with pytest.raises(UndersignError):
                jws.verify(jws.sign(b"content", LEAF.key(), header=header), policy())


@pytest.mark.parametrize(
    "roots", [[], [b"no certificate"], [1], ["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]]
)
def test_a_policy_needs_roots_that_can_be_read(roots):
    """Without a sound root there is no policy."""
    with pytest.raises((PolicyError, KeyMaterialError)):
        jwks.CertificateChain(roots, usage="codeSigning")
