"""kty ``RSA``: keys of 2048 to 8192 bits (RFC 7518 section 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import rsa

from ..encoding import int_from_b64url, int_to_b64url
from ..errors import InvalidBase64Error, KeyMaterialError, PolicyError, WeakKeyError
from ..jwa.signature import SignatureAlgorithm
from .material import Material

KTY: Final = "RSA"
THUMBPRINT: Final = ("e", "kty", "n")
PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})

SMALLEST: Final = 2048
LARGEST: Final = 8192
_BASES: Final = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97)
_CRT: Final = ("p", "q", "dp", "dq", "qi")


def parse(members: Mapping[str, Any]) -> Material:
    """Read ``n`` and ``e``, and the private members where they are there: ``d`` alone, or ``d`` with all of CRT."""
    public = _public(_number(members, "n"), _number(members, "e"))
    if "d" not in members:
        if PRIVATE & members.keys():
            raise KeyMaterialError("The RSA key has private members but no 'd'.")
        return _material(public.public_key(), None)
    return _material(public.public_key(), _private(members, public))


def _number(members: Mapping[str, Any], name: str) -> int:
    text = members.get(name)
    if not isinstance(text, str):
        raise KeyMaterialError(f"The RSA key's {name!r} is missing or not a string.")
    try:
        return int_from_b64url(text)
    except InvalidBase64Error:
        raise KeyMaterialError(f"The RSA key's {name!r} is not a Base64urlUInt (RFC 7518 section 2).") from None


def _public(n: int, e: int) -> rsa.RSAPublicNumbers:
    bits = n.bit_length()
    if bits < SMALLEST:
        raise WeakKeyError(f"An RSA key of {bits} bits is too small; {SMALLEST} is the least (RFC 7518 section 3.3).")
    if bits > LARGEST:
        raise KeyMaterialError(
            f"An RSA key of {bits} bits is larger than {LARGEST}, so each check would take too long."
        )
    if not n & 1:
        raise KeyMaterialError("The RSA modulus is even.")
    if not 3 <= e < 2**64 or not e & 1:
        raise KeyMaterialError("The RSA exponent must be odd, at least 3 and below 2^64.")
    return rsa.RSAPublicNumbers(e, n)


def _private(members: Mapping[str, Any], public: rsa.RSAPublicNumbers) -> rsa.RSAPrivateKey:
    if "oth" in members:
        raise KeyMaterialError("RSA keys of more than two primes are not supported.")
    given = [name for name in _CRT if name in members]
    if given and len(given) != len(_CRT):
        raise KeyMaterialError("The RSA key has some of p, q, dp, dq, qi; RFC 7518 section 6.3.2 wants all or none.")
    n, e, d = public.n, public.e, _number(members, "d")
    if not 1 < d < n:
        raise KeyMaterialError("The RSA key's 'd' is out of range.")
    if given:
        p, q, dp, dq, qi = (_number(members, name) for name in _CRT)
    else:
        p, q = _factors(n, d * e - 1)
        dp, dq, qi = rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q)
    return _checked(rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, public))


def _factors(n: int, multiple: int) -> tuple[int, int]:
    """Find the primes of ``n`` from a multiple of the order of every number modulo ``n`` (NIST SP 800-56B appendix C).

    `cryptography` has this too, but needs seconds for some good keys and minutes for a ``d`` that is wrong. Here each
    base either shows that the multiple is none, or finds the primes with a chance of one half or more.
    """
    twos = (multiple & -multiple).bit_length() - 1
    for base in _BASES:
        p = _divisor(n, pow(base, multiple >> twos, n), twos)
        if p != 1:
            return max(p, n // p), min(p, n // p)
        if base == _BASES[0] and gcd(pow(2, n, n) - 2, n) != 1:
            break  # a prime, or a power of one, which no base splits
    raise _wrong_d()


def _divisor(n: int, root: int, twos: int) -> int:
    """Square up to the 1 that must come; what came before it, unless that is 1 or -1, divides ``n``."""
    for _ in range(twos):
        if root in {1, n - 1}:
            return 1
        square = root * root % n
        if square == 1:
            return gcd(root - 1, n)
        root = square
    raise _wrong_d()


def _wrong_d() -> KeyMaterialError:
    return KeyMaterialError("The RSA key's 'd' does not belong to its 'n' and 'e'.")


def _checked(numbers: rsa.RSAPrivateNumbers) -> rsa.RSAPrivateKey:
    """Check every relation of the private numbers here, in a few milliseconds.

    OpenSSL's own check also proves the primes and holds the interpreter's lock for 47 ms (2048 bits) to seconds
    (8192 bits) while it does so; a Fermat test and the relations find every key that is broken rather than built to
    deceive its own owner.
    """
    p, q, d = numbers.p, numbers.q, numbers.d
    n, e = numbers.public_numbers.n, numbers.public_numbers.e
    sound = (
        p > 1
        and q > 1
        and p * q == n
        and abs(p.bit_length() - q.bit_length()) <= 1
        and d * e % (p - 1) == 1
        and d * e % (q - 1) == 1
        and numbers.dmp1 == d % (p - 1)
        and numbers.dmq1 == d % (q - 1)
        and numbers.iqmp * q % p == 1
        and numbers.iqmp < p
        and pow(2, p - 1, p) == 1
        and pow(2, q - 1, q) == 1
    )
    if not sound:
        raise KeyMaterialError("The RSA key's private members do not belong together.")
    try:
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)
    except ValueError:
        raise KeyMaterialError("The RSA key's private members do not belong together.") from None


def wrap(native: Any) -> Material | None:
    """Take a native RSA key and check it as `parse` does."""
    if isinstance(native, rsa.RSAPublicKey):
        numbers = native.public_numbers()
        _public(numbers.n, numbers.e)
        return _material(native, None)
    if isinstance(native, rsa.RSAPrivateKey):
        private = native.private_numbers()
        _public(private.public_numbers.n, private.public_numbers.e)
        return _material(native.public_key(), _checked(private))
    return None


def generate(_: SignatureAlgorithm, size: int | None) -> Material:
    """Make a key of ``size`` bits, 3072 unless told otherwise, with the exponent 65537."""
    bits = 3072 if size is None else size
    if type(bits) is not int or not SMALLEST <= bits <= LARGEST or bits % 8:
        raise PolicyError(f"An RSA key has {SMALLEST} to {LARGEST} bits, in whole octets.")
    private = rsa.generate_private_key(65537, bits)
    return _material(private.public_key(), private)


def private_members(material: Material) -> dict[str, str]:
    """Write ``d`` and the CRT members."""
    numbers = material.private.private_numbers()
    values = {
        "d": numbers.d,
        "p": numbers.p,
        "q": numbers.q,
        "dp": numbers.dmp1,
        "dq": numbers.dmq1,
        "qi": numbers.iqmp,
    }
    return {name: int_to_b64url(value) for name, value in values.items()}


def _material(public: rsa.RSAPublicKey, private: rsa.RSAPrivateKey | None) -> Material:
    numbers = public.public_numbers()
    members = {"kty": KTY, "n": int_to_b64url(numbers.n), "e": int_to_b64url(numbers.e)}
    return Material(KTY, None, public, private, members, public.key_size)
