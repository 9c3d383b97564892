import os
import sys
from pathlib import Path

import pytest

from appliance.providers.local.catalogue import DEFAULT
from appliance.providers.local.embeddings import LocalEmbedder, is_intact


@pytest.fixture(scope="session")
def model_directory() -> Path:
    """The built model: `make test` builds it before."""
    default = Path(sys.prefix) / "share" / "appliance" / "models"
    directory = Path(os.environ.get("APPLIANCE_MODELS_DIR", default)) / DEFAULT.name
    if not is_intact(directory):
        pytest.fail(f"There is no unharmed model in {directory}. Run `make models`.", pytrace=False)
    return directory


@pytest.fixture(scope="session")
def embedder(model_directory: Path) -> LocalEmbedder:
    return LocalEmbedder(model_directory, threads=1)
