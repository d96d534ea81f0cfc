"""A file of any size, signed and verified in pieces; the signature travels beside it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from undersign import jwk, jws
from undersign.errors import InvalidSignatureError

SIZE = 64 * 1024 * 1024


def main() -> None:
    """Sign a sparse file of 64 MiB, verify it, change one octet and verify again."""
    key = jwk.generate("ES256")
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "image.iso"
        with image.open("wb") as file:
            file.truncate(SIZE)
        steps: list[int] = []
        signature = jws.sign_file(image, key, progress=steps.append)
        print(
            "signed",
            steps[-1] // 2**20,
            "MiB in",
            len(steps),
            "pieces; the signature has",
            len(signature),
            "characters",
        )
        print("verified:", jws.verify_file(signature, key.public(), payload=image).header["alg"])
        with image.open("r+b") as file:
            file.seek(SIZE // 2)
            file.write(b"x")
        try:
            jws.verify_file(signature, key.public(), payload=image)
        except InvalidSignatureError as error:
            print("one octet changed:", error.code)


if __name__ == "__main__":
    main()
