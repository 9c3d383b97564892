"""Text recognition: tests that need it, and hosts that have none."""

import pytest

from appliance.knowledge import scans

IS_INSTALLED = bool(scans.installed_languages())
needs_tesseract = pytest.mark.skipif(not IS_INSTALLED, reason="tesseract is not installed")


def remove_recognition(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this be a host without tesseract."""
    monkeypatch.setattr(scans, "_TESSDATA", ())
    monkeypatch.delenv("TESSDATA_PREFIX", raising=False)
