import pytest

from appliance.dlp import Engine


@pytest.fixture(scope="session")
def rules() -> Engine:
    """All rules, without a model: making them takes a moment."""
    return Engine()
