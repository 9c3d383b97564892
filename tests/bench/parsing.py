"""Reading documents: what confinement costs, and how fast large ones are read."""

import time
from pathlib import Path

from appliance.knowledge.chunking import chunk
from appliance.knowledge.parsing import parse
from tests.support.house import SAMPLES, SHARED

Result = dict[str, str | float]


def run() -> list[Result]:
    """Measure our samples, and the large shared documents where they are."""
    files = [SAMPLES / "fire-drill.txt", SAMPLES / "leave-and-travel.pdf", SAMPLES / "security-handbook.docx"]
    files += [SHARED / "documents" / "handbook_872p.docx", SHARED / "nasty" / "pdf_400p_images.pdf"]
    return [measured(path) for path in files if path.exists()]


def measured(path: Path) -> Result:
    """Return the best of three."""
    content = path.read_bytes()
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        chunk(parse(content, file_name=path.name))
        best = min(best, time.perf_counter() - began)
    return {"name": f"read {path.name}", "value": best, "unit": "s"}
