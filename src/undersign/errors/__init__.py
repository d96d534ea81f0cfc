"""Every error of undersign: one class per failure, each with a stable ``code``.

The tree is drawn here and a test holds it against the classes. A message says what was wrong, then what would
help; it never holds key material, a whole token, or unescaped text that came from outside.

UndersignError                          undersign
    LimitError                          limit_exceeded
    TokenError                          invalid_token
        MalformedTokenError             malformed_token
            InvalidBase64Error          invalid_base64
            InvalidJSONError            invalid_json
                DuplicateNameError      duplicate_name
        InvalidHeaderError              invalid_header
            UnsupportedCriticalError    unsupported_crit
        AlgorithmNotAllowedError        algorithm_not_allowed
        InvalidSignatureError           invalid_signature
        UnmetPolicyError                unmet_policy
        ReplayedError                   replayed
        ClaimError                      invalid_claim
            ClaimTypeError              claim_type
            MissingClaimError           missing_claim
            IncorrectClaimError         incorrect_claim
                IncorrectTypeError      incorrect_typ
                ExpiredTokenError       expired
                NotYetValidError        not_yet_valid
                TooOldError             too_old
    KeyMaterialError                    invalid_key
        WeakKeyError                    weak_key
        UnusableKeyError                unusable_key
            KeyUseError                 key_use
            NotStreamableError          not_streamable
        PrivateKeyGivenError            private_key_given
        KeyPasswordError                key_password
        KeySelectionError               no_key
            UnknownKeyError             unknown_key
            AmbiguousKeyError           ambiguous_key
            UntrustedCertificateError   untrusted_certificate
    PolicyError                         invalid_policy
    ReplayStoreError                    replay_store
    FetchError                          fetch_failed
    SettingsError                       invalid_settings
        NotInstalledError               not_installed
    StorageError                        storage_unavailable
        ClockBehindError                clock_behind
    ChainError                          broken_chain
    RequestError                        bad_request
        RequestTooLargeError            request_too_large
        RequestTimeoutError             request_timeout
        MediaTypeError                  unsupported_media_type
        ConflictError                   conflict
        DigestMismatchError             digest_mismatch
        LinesClosedError                lines_closed
    AccessError                         access_denied
        UnauthenticatedError            unauthenticated
        RuleDeniedError                 rule_denied
        UnknownWorkerError              unknown_worker
    OAuthError                          oauth_error
        InvalidRequestError             invalid_request
        InvalidClientError              invalid_client
        InvalidGrantError               invalid_grant
        UnauthorizedClientError         unauthorized_client
        UnsupportedGrantTypeError       unsupported_grant_type
        InvalidScopeError               invalid_scope
        InvalidTargetError              invalid_target
        SlowDownError                   slow_down
"""

from __future__ import annotations

from .key import (
    AmbiguousKeyError,
    KeyMaterialError,
    KeyPasswordError,
    KeySelectionError,
    KeyUseError,
    NotStreamableError,
    PrivateKeyGivenError,
    UnknownKeyError,
    UntrustedCertificateError,
    UnusableKeyError,
    WeakKeyError,
)
from .root import (
    LimitError,
    PolicyError,
    UndersignError,
    quoted,
)
from .server import (
    AccessError,
    ChainError,
    ClockBehindError,
    ConflictError,
    DigestMismatchError,
    FetchError,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    InvalidTargetError,
    LinesClosedError,
    MediaTypeError,
    NotInstalledError,
    OAuthError,
    ReplayStoreError,
    RequestError,
    RequestTimeoutError,
    RequestTooLargeError,
    RuleDeniedError,
    SettingsError,
    SlowDownError,
    StorageError,
    UnauthenticatedError,
    UnauthorizedClientError,
    UnknownWorkerError,
    UnsupportedGrantTypeError,
)
from .token import (
    AlgorithmNotAllowedError,
    ClaimError,
    ClaimTypeError,
    DuplicateNameError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidBase64Error,
    InvalidHeaderError,
    InvalidJSONError,
    InvalidSignatureError,
    MalformedTokenError,
    MissingClaimError,
    NotYetValidError,
    ReplayedError,
    TokenError,
    TooOldError,
    UnmetPolicyError,
    UnsupportedCriticalError,
)

__all__ = [
    "AccessError",
    "AlgorithmNotAllowedError",
    "AmbiguousKeyError",
    "ChainError",
    "ClaimError",
    "ClaimTypeError",
    "ClockBehindError",
    "ConflictError",
    "DigestMismatchError",
    "DuplicateNameError",
    "ExpiredTokenError",
    "FetchError",
    "IncorrectClaimError",
    "IncorrectTypeError",
    "InvalidBase64Error",
    "InvalidClientError",
    "InvalidGrantError",
    "InvalidHeaderError",
    "InvalidJSONError",
    "InvalidRequestError",
    "InvalidScopeError",
    "InvalidSignatureError",
    "InvalidTargetError",
    "KeyMaterialError",
    "KeyPasswordError",
    "KeySelectionError",
    "KeyUseError",
    "LimitError",
    "LinesClosedError",
    "MalformedTokenError",
    "MediaTypeError",
    "MissingClaimError",
    "NotInstalledError",
    "NotStreamableError",
    "NotYetValidError",
    "OAuthError",
    "PolicyError",
    "PrivateKeyGivenError",
    "ReplayStoreError",
    "ReplayedError",
    "RequestError",
    "RequestTimeoutError",
    "RequestTooLargeError",
    "RuleDeniedError",
    "SettingsError",
    "SlowDownError",
    "StorageError",
    "TokenError",
    "TooOldError",
    "UnauthenticatedError",
    "UnauthorizedClientError",
    "UndersignError",
    "UnknownKeyError",
    "UnknownWorkerError",
    "UnmetPolicyError",
    "UnsupportedCriticalError",
    "UnsupportedGrantTypeError",
    "UntrustedCertificateError",
    "UnusableKeyError",
    "WeakKeyError",
    "quoted",
]
