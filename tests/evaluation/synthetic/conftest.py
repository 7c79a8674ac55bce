import pytest

from evaluation.synthetic import SyntheticCountry, generate


@pytest.fixture(scope="session")
def country() -> SyntheticCountry:
    """One country of the size of the demo."""
    return generate(5000, seed=7)
