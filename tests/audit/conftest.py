"""A chain with four signatures."""

import pytest

from tests.audit.writing import Chain


@pytest.fixture
def chain():
    made = Chain()
    for number in range(4):
        made.sign(number)
    return made
