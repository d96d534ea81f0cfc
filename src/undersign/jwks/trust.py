"""The policies under which a header may bring its key: ``jku`` and ``x5c`` (RFC 7515 sections 4.1.2 and 4.1.6).

1. Nothing else reads them. Without one of these policies a header names a key and never brings one (safety rule 5).
2. Only the protected header is read.
3. A ``jku`` is compared with the trusted addresses by its characters: no prefixes, hosts or patterns, which other
   parties' pages on the same host have fooled before.
4. A chain ends at a root of yours, is valid now, and its first certificate is for the use that you name. Whose it is,
   is for you to check: ``verified.key.x5c[0]`` is that certificate. Revocation is not looked up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NoReturn, Unpack

from ..errors import PolicyError, UnknownKeyError, UntrustedCertificateError, quoted
from ..fetch import Fetch
from ..jwk import Key, load_public
from ..jwk.certificate import LONGEST_CHAIN, certificate_of, chain_of, reading, x5t_s256
from .discovery import checked_url
from .keyset import Header
from .remote import RefreshPolicy, RemoteKeySet

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, ObjectIdentifier
    from cryptography.x509.verification import PolicyBuilder

__all__ = ["USAGES", "CertificateChain", "TrustedUrls"]

# RFC 5280 section 4.2.1.12; documentSigning is RFC 9336.
USAGES: Final = {
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "codeSigning": "1.3.6.1.5.5.7.3.3",
    "documentSigning": "1.3.6.1.5.5.7.3.36",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
}
_ANY_USAGE: Final = "2.5.29.37.0"


class TrustedUrls:
    """A KeySource that lets a token say, by ``jku``, which of the key sets you trust has its key.

    Args:
        urls: The trusted addresses; each is a RemoteKeySet, fetched when a token first names it.
        fetch: What fetches them; one guarded Fetcher unless given.
        policy: Arguments of RemoteKeySet, such as ``ttl`` and ``max_stale``.

    Raises:
        PolicyError: There are none, or one is not https.
    """

    __slots__ = ("_sets",)

    def __init__(self, urls: Iterable[str], *, fetch: Fetch | None = None, **policy: Unpack[RefreshPolicy]) -> None:
        named = (urls,) if isinstance(urls, str) else tuple(urls)
        for url in named:
            checked_url(url, "A trusted address")
        if not named or isinstance(urls, str):
            raise PolicyError("TrustedUrls takes a list of addresses.", help='Write TrustedUrls(["https://..."]).')
        self._sets = {url: RemoteKeySet(url, fetch=fetch, **policy) for url in named}

    def __repr__(self) -> str:
        return f"TrustedUrls({list(self._sets)!r})"

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find nothing: without the header there is no ``jku``."""
        return _without_header(self, kid)

    def find_for(self, header: Header, /) -> Key:
        """Find the key in the set that the protected header names.

        Raises:
            UnknownKeyError: It names none, or one that is not trusted (``source`` is this policy), or the set does not
                have the key (``source`` is the set, which can be refreshed).
            AmbiguousKeyError, AlgorithmNotAllowedError: As KeySet.find.
        """
        jku = header.protected.get("jku")
        found = self._sets.get(jku) if isinstance(jku, str) else None
        if found is None:
            raise UnknownKeyError(
                "The protected header has no jku." if jku is None else f"{quoted(jku)} is no trusted address.",
                source=self,
                help="A jku must be one of the trusted addresses, character by character.",
            )
        return found.find(header.kid, header.x5t_s256, header.alg)


class CertificateChain:
    """A KeySource that lets a token bring its key in a certificate, by ``x5c``, under roots of yours.

    A certificate for RSA names no algorithm, so name what you accept: ``algorithms=[...]``.

    Args:
        roots: The certificates that a chain may end at: PEM, which may hold several, DER, or `cryptography`'s own.
        usage: The extended key usage that the first certificate must state: a name of USAGES or an object identifier in
            dots; None for whatever it states.
        now: The moment at which certificates must be valid, or a clock that gives it; the present unless given.

    Raises:
        PolicyError: There is no root, the usage is unknown, or the moment has no time zone.
        KeyMaterialError: A root cannot be read.
    """

    __slots__ = ("_builder", "_clock", "_usage")

    def __init__(
        self,
        roots: Iterable[str | bytes | Certificate],
        *,
        usage: str | None,
        now: datetime | float | Callable[[], float] | None = None,
    ) -> None:
        self._usage = usage
        self._clock = _clock(now)
        found = [root for source in _several(roots) for root in _certificates(source)]
        if not found:
            raise PolicyError("A CertificateChain needs at least one root.")
        self._builder = _policy(found, _usage_oid(usage))

    def __repr__(self) -> str:
        return f"CertificateChain(usage={self._usage!r})"

    def find(self, kid: str | None, x5t_s256: str | None, alg: str, /) -> Key:
        """Find nothing: without the header there is no ``x5c``."""
        return _without_header(self, kid)

    def find_for(self, header: Header, /) -> Key:
        """Verify the chain in the protected header; the key of its first certificate.

        Raises:
            UnknownKeyError: The protected header has no chain.
            UntrustedCertificateError: The chain does not hold under this policy.
            KeyMaterialError: It cannot be read.
        """
        x5c = header.protected.get("x5c")
        if x5c is None:
            raise UnknownKeyError(
                "The protected header has no x5c.", source=self, help="The signer must send its chain."
            )
        chain = chain_of(x5c)
        if header.x5t_s256 is not None and header.x5t_s256 != x5t_s256(chain[0]):
            raise UntrustedCertificateError("x5t#S256 is of another certificate than the first one of x5c.")
        leaf, *intermediates = [certificate_of(der) for der in chain]
        _hold(self._builder, datetime.fromtimestamp(self._clock(), UTC), leaf, intermediates)
        return load_public(chain[0])


def _without_header(source: object, kid: str | None) -> NoReturn:
    raise UnknownKeyError(
        f"The key {quoted(kid)} can be found by its header only.",
        source=source,
        help="Pass this policy as the keys of jws.verify, jwt.verify or a Verifier.",
    )


# -- chains, by cryptography's path validation (RFC 5280 section 6, with the CA/Browser Forum's requirements) --


def _hold(builder: PolicyBuilder, now: datetime, leaf: Certificate, intermediates: list[Certificate]) -> None:
    from cryptography.x509.verification import VerificationError

    with reading():
        try:
            builder.time(now).build_client_verifier().verify(leaf, intermediates)
        except VerificationError as error:
            # What follows "(encountered" are names of the certificate's own choosing.
            reason = str(error).removeprefix("validation failed: ").partition(" (encountered")[0]
            raise UntrustedCertificateError(
                f"The certificate chain does not hold: {quoted(reason)}.",
                help="It must lead to a root of the policy, be valid now, and be for the usage named there.",
            ) from None


def _policy(roots: list[Certificate], usage: ObjectIdentifier | None) -> PolicyBuilder:
    from cryptography.x509 import ExtendedKeyUsage, KeyUsage, SubjectAlternativeName
    from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store

    def states_usage(_policy: object, _certificate: object, stated: ExtendedKeyUsage | None) -> None:
        if usage is not None and (stated is None or usage not in stated):
            raise ValueError(f"the extended key usage is not {usage.dotted_string}")

    def passes_usage_on(_policy: object, _certificate: object, stated: ExtendedKeyUsage | None) -> None:
        named = None if stated is None else {oid.dotted_string for oid in stated}
        if usage is not None and named is not None and not named & {usage.dotted_string, _ANY_USAGE}:
            raise ValueError(f"an authority's extended key usage does not cover {usage.dotted_string}")

    def signs(_policy: object, _certificate: object, stated: KeyUsage | None) -> None:
        if stated is not None and (stated.key_cert_sign or not (stated.digital_signature or stated.content_commitment)):
            raise ValueError("the key usage is not digitalSignature")

    anyhow = Criticality.AGNOSTIC
    leaf = ExtensionPolicy.webpki_defaults_ee().may_be_present(SubjectAlternativeName, anyhow, None)
    leaf = leaf.may_be_present(ExtendedKeyUsage, anyhow, states_usage).may_be_present(KeyUsage, anyhow, signs)
    authority = ExtensionPolicy.webpki_defaults_ca().may_be_present(ExtendedKeyUsage, anyhow, passes_usage_on)
    builder = PolicyBuilder().store(Store(roots)).max_chain_depth(LONGEST_CHAIN)
    return builder.extension_policies(ca_policy=authority, ee_policy=leaf)


def _usage_oid(usage: str | None) -> ObjectIdentifier | None:
    from cryptography.x509 import ObjectIdentifier

    if usage is None:
        return None
    try:
        return ObjectIdentifier(USAGES.get(usage, usage))
    except (ValueError, TypeError):
        raise PolicyError(
            f"{quoted(usage)} is no usage.", help=f"Known are {', '.join(USAGES)}, and object identifiers in dots."
        ) from None


def _several(roots: Iterable[Any] | str | bytes) -> Iterable[Any]:
    return (roots,) if isinstance(roots, (str, bytes)) else roots


def _certificates(source: object) -> list[Certificate]:
    from cryptography.x509 import Certificate, load_pem_x509_certificates

    if isinstance(source, Certificate):
        return [source]
    octets = source.encode("utf-8", "surrogatepass") if isinstance(source, str) else source
    if not isinstance(octets, bytes):
        raise PolicyError("A root is PEM, DER or a certificate of cryptography.")
    if b"-----BEGIN" not in octets:
        return [certificate_of(octets)]
    with reading():
        return load_pem_x509_certificates(octets)


def _clock(now: datetime | float | Callable[[], float] | None) -> Callable[[], float]:
    if now is None:
        return time.time
    if callable(now):
        return now
    if isinstance(now, datetime) and now.tzinfo is None:
        raise PolicyError("The moment has no time zone.", help="Write datetime(..., tzinfo=UTC).")
    moment = now.timestamp() if isinstance(now, datetime) else float(now)
    return lambda: moment
