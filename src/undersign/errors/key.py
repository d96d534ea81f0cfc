"""Why a key is refused (RFC 7517, RFC 7518 section 6)."""

from __future__ import annotations

from .root import UndersignError


class KeyMaterialError(UndersignError):
    """The key is not sound, or not one that can serve here."""

    code = "invalid_key"
    advice = "Check where the key comes from; `undersign jwk inspect` shows what it is."


class WeakKeyError(KeyMaterialError):
    """The key is too small for its algorithm (RFC 7518 sections 3.2 and 3.3)."""

    code = "weak_key"
    advice = "Make a new one: `undersign jwk generate ALG`, or jwk.generate(ALG)."


class UnusableKeyError(KeyMaterialError):
    """The key is sound but cannot do what was asked of it."""

    code = "unusable_key"
    advice = "Load it with the algorithm it is for: jwk.load(source, alg=...)."


class KeyUseError(UnusableKeyError):
    """The key's own ``use`` or ``key_ops`` forbid the operation (RFC 7517 sections 4.2 and 4.3)."""

    code = "key_use"
    advice = "Use a key that was published for this operation."


class NotStreamableError(UnusableKeyError):
    """The algorithm needs the whole message at once, and the message is too long for that."""

    code = "not_streamable"
    advice = "Sign large files with a key of another kind, such as ES256 or ML-DSA-65."


class PrivateKeyGivenError(KeyMaterialError):
    """A private key arrived where a public one belongs."""

    code = "private_key_given"
    advice = "Pass key.public(). If this key came from somebody else, tell them that it is no longer secret."


class KeyPasswordError(KeyMaterialError):
    """The password of an encrypted key is missing, superfluous or wrong."""

    code = "key_password"
    advice = "Pass the password the key was encrypted with: jwk.load(source, password=b'...')."


class KeySelectionError(KeyMaterialError):
    """No single key can be chosen for this token."""

    code = "no_key"
    advice = "Compare the token's kid with the kids of the key set."


class UnknownKeyError(KeySelectionError):
    """The key set has no key of the token's kid and algorithm.

    Attributes:
        source: The key source that was asked; one that can refresh may know the key after a refresh.
    """

    code = "unknown_key"
    advice = "If keys were just rotated, refresh the key set and try again."

    def __init__(self, message: str, *, source: object = None, help: str | None = None) -> None:
        self.source = source
        super().__init__(message, help=help)


class AmbiguousKeyError(KeySelectionError):
    """Several keys fit the token and nothing in its header tells which."""

    code = "ambiguous_key"
    advice = "Give each key a kid of its own and have the signer name it in the header."


class UntrustedCertificateError(KeySelectionError):
    """The certificate chain that a token brings does not lead to a trusted root for this usage (RFC 5280 section 6)."""

    code = "untrusted_certificate"
    advice = "Compare the chain with the roots and the usage of the CertificateChain, and look at its dates."
