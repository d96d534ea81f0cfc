"""What works once, sent 64 times at the same moment over HTTP, on both engines, to one process and to two."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from tests.e2e.load import verified
from tests.e2e.running import Caller, serving, write

pytestmark = pytest.mark.slow

TIMES = 64


def at_once(call: Callable[[], tuple[int, dict]]) -> Counter[int]:
    """Call from as many threads as it is sent, which start together, and count the statuses."""
    start, statuses = threading.Barrier(TIMES), []

    def one() -> None:
        start.wait(30)
        statuses.append(call()[0])

    threads = [threading.Thread(target=one) for _ in range(TIMES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(statuses)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_each_works_once(tmp_path, storage, workers):
    """Of 64 uses of one assertion, and of 64 uses of one authorization, one is answered and 63 are refused."""
    caller = Caller(write(tmp_path, storage))
    with serving(tmp_path, caller, "--workers", workers):
        for _ in range(3):
            assertion = caller.minter.mint()
            assert at_once(lambda assertion=assertion: caller.ask(assertion)) == {200: 1, 401: TIMES - 1}
            token = caller.token()
            assert at_once(lambda token=token: caller.sign(token, b"document")) == {200: 1, 409: TIMES - 1}
    records = [record for record in verified(tmp_path) if record["outcome"] == "done"]

    assert Counter(record["event"] for record in records) == {"token_issued": 6, "sign": 3}
