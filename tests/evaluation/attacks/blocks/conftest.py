import pytest

from tests.evaluation.attacks.blocks.people import people


@pytest.fixture(scope="session")
def persons_1500():
    """Far fewer than the 20 000 that the controls' own bounds are for: everything is easier to name among so few."""
    return people(1500)
