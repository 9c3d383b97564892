from collections.abc import Iterator

import pytest

from appliance.vault.roots import calls


@pytest.fixture(autouse=True, scope="module")
def short_pauses() -> Iterator[None]:
    """Between the tries of a call; how many there are stays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calls, "_PAUSES", (0.02, 0.05))
        yield
