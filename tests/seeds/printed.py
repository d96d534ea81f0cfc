"""The tokens and secrets that seed 003 prints, in its order, and what each was found to verify under."""

from __future__ import annotations

from dataclasses import dataclass

HS256 = "Yn2kjibddFAWtnPJ2AFlL8WXmohJMCvigQggaEypa5E="
HS384 = "VW96zL+tYlrJLNCQ0j6QPTp+d1q75n/Wa8LVvpWyG8pPZOP6AA5X7XOIlI90sDwx"
HS512 = "cd+Pr1js+w2qfT2BoCD+tPcYp9LbjpmhSMEJqUob1mcxZ7+Wmik4AYdjX+DlDjmE4yporzQ9tm7v3z/j+QbdYg=="
ANATOMY = "4pE8z3PBoHjnV1AhvGk+e8h2p+ShZpOnpr8cwHmMh1w="


@dataclass(frozen=True, slots=True)
class Printed:
    """One token, the claims that it decodes to, and whether it verifies under the HS256 secret or needs b"secret"."""

    name: str
    token: str
    claims: dict[str, object]
    verifies: bool = True

    def __str__(self) -> str:
        return self.name


def _csrf(jti: str, start: int, end: int) -> dict[str, object]:
    return {"jti": jti, "iat": start, "nbf": start, "exp": end}


ANATOMY_CSRF = Printed(
    "csrf-of-the-anatomy",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJqdGkiOiJlNjc4ZjIzMzQ3ZTM0MTBkYjdlNjg3Njc4MjNiMmQ3MCIsImlhdCI6MTQ2NjYzMzMxNywibmJmIjoxNDY2NjMzMzE3"
    "LCJleHAiOjE0NjY2MzY5MTd9"
    ".rgx_o8VQGuDa2AqCHSgVOD5G68Ld_YYM7N7THmvLIKc",
    _csrf("e678f23347e3410db7e68767823b2d70", 1466633317, 1466636917),
    verifies=False,
)
STATIC = Printed(
    "static-builder",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJTdG9ybXBhdGgiLCJzdWIiOiJtc2lsdmVybWFuIiwibmFtZSI6Ik1pY2FoIFNpbHZlcm1hbiIsInNjb3BlIjoiYWRt"
    "aW5zIiwiaWF0IjoxNDY2Nzk2ODIyLCJleHAiOjQ2MjI0NzA0MjJ9"
    ".kP0i_RvTAmI8mgpIkDFhRX3XthSdP-eqqFKGcU92ZIQ",
    {
        "iss": "Stormpath",
        "sub": "msilverman",
        "name": "Micah Silverman",
        "scope": "admins",
        "iat": 1466796822,
        "exp": 4622470422,
    },
)
GENERAL = Printed(
    "dynamic-builder-general",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJTdG9ybXBhdGgiLCJzdWIiOiJtc2lsdmVybWFuIiwiaGFzTW90b3JjeWNsZSI6dHJ1ZX0"
    ".OnyDs-zoL3-rw1GaSl_KzZzHK9GoiNocu-YwZ_nQNZU",
    {"iss": "Stormpath", "sub": "msilverman", "hasMotorcycle": True},
)
FORM_CSRF = Printed(
    "csrf-of-the-form",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJqdGkiOiIxZjIyMDdiNTVjOWM0MjU0YjZlMjY4MjQwYjIwNzZkMSIsImlhdCI6MTQ2NzA3MDQwMCwibmJmIjoxNDY3MDcwNDAw"
    "LCJleHAiOjE0NjcwNzA0MzB9"
    ".2kYLO0iMWUheAncXAzm0UdQC1xUC5I6RI_ShJ_74e5o",
    _csrf("1f2207b55c9c4254b6e268240b2076d1", 1467070400, 1467070430),
    verifies=False,
)
HAPPY = Printed(
    "enforced",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJTdG9ybXBhdGgiLCJoYXNNb3RvcmN5Y2xlIjp0cnVlLCJzdWIiOiJtc2lsdmVybWFuIn0"
    ".qrH-U6TLSVlHkZdYuqPRDtgKNr1RilFYQJtJbcgwhR0",
    {"iss": "Stormpath", "hasMotorcycle": True, "sub": "msilverman"},
)
MISSING = Printed(
    "enforced-and-missing",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJTdG9ybXBhdGgiLCJzdWIiOiJtc2lsdmVybWFuIn0"
    ".YMONlFM1tNgttUYukDRsi9gKIocxdGAOLaJBymaQAWc",
    {"iss": "Stormpath", "sub": "msilverman"},
)
INCORRECT = Printed(
    "enforced-and-incorrect",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJTdG9ybXBhdGgiLCJoYXNNb3RvcmN5Y2xlIjpmYWxzZSwic3ViIjoibXNpbHZlcm1hbiJ9"
    ".8LBq2f0eINB34AzhVEgsln_KDo-IyeM8kc-dTzSCr0c",
    {"iss": "Stormpath", "hasMotorcycle": False, "sub": "msilverman"},
)
BIG = Printed(
    "big",
    "eyJhbGciOiJIUzI1NiJ9"
    ".eyJpc3MiOiJTdG9ybXBhdGgiLCJoYXNNb3RvcmN5Y2xlIjp0cnVlLCJzdWIiOiJtc2lsdmVybWFuIiwidGhlIjoicXVpY2siLCJi"
    "cm93biI6ImZveCIsImp1bXBlZCI6Im92ZXIiLCJsYXp5IjoiZG9nIiwic29tZXdoZXJlIjoib3ZlciIsInJhaW5ib3ciOiJ3YXki"
    "LCJ1cCI6ImhpZ2giLCJhbmQiOiJ0aGUiLCJkcmVhbXMiOiJ5b3UiLCJkcmVhbWVkIjoib2YifQ"
    ".AHNJxSTiDw_bWNXcuh-LtPLvSjJqwDvOOUcmkk7CyZA",
    {
        "iss": "Stormpath",
        "hasMotorcycle": True,
        "sub": "msilverman",
        "the": "quick",
        "brown": "fox",
        "jumped": "over",
        "lazy": "dog",
        "somewhere": "over",
        "rainbow": "way",
        "up": "high",
        "and": "the",
        "dreams": "you",
        "dreamed": "of",
    },
)
PRINTED = (ANATOMY_CSRF, STATIC, GENERAL, FORM_CSRF, HAPPY, MISSING, INCORRECT, BIG)

# Its payload is a DEFLATE stream, not JSON: the header's calg says so.
COMPRESSED = (
    "eyJhbGciOiJIUzI1NiIsImNhbGciOiJERUYifQ"
    ".eNpEzkESwjAIBdC7sO4JegdXnoC2tIk2oZLEGB3v7s84jjse_AFe5FOikc5ZLRycHQ3kOJ0Untu8C43ZigyUyoRYSH6_iwWOyGWH"
    "Kd2Kn6_QZFojvOoDupRwyAIq4vDOzwYtugFJg1QnJv-5sY-TVjQqN7gcKJ3f-j8c-6J-baDFhEN_uGn58XtnpfcHAAD__w"
    ".3_wc-2skFBbInk0YAQ96yGWwr8r1xVdbHn-uGPTFuFE"
)
