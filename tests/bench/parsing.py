"""Reading documents: what confinement costs, how fast large ones are read, scans recognised and pages drawn."""

import resource
import time
from pathlib import Path

from appliance.knowledge.chunking import chunk
from appliance.knowledge.parsing import Limits, ask_child, parse
from appliance.knowledge.scans import installed_languages
from tests.support.house import SAMPLES, SHARED

Result = dict[str, str | float]


def run() -> list[Result]:
    """Measure our samples, and the large shared documents where they are."""
    files = [SAMPLES / "fire-drill.txt", SAMPLES / "leave-and-travel.pdf", SAMPLES / "security-handbook.docx"]
    files += [SHARED / "documents" / "handbook_872p.docx", SHARED / "nasty" / "pdf_400p_images.pdf"]
    scans = [SHARED / "documents" / name for name in ("scanned_german.pdf", "medical_report_scan.pdf")]
    return [
        *(measured(path) for path in files if path.exists()),
        *(recognised(path) for path in scans if path.exists() and installed_languages()),
        *drawn(SAMPLES / "leave-and-travel.pdf"),
    ]


def recognised(path: Path) -> Result:
    """Return the processor seconds of recognising a page."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    pages = len(parse(path.read_bytes(), file_name=path.name).pages)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"name": f"recognise {path.name}", "value": used / pages, "unit": "CPU s/page"}


def drawn(path: Path) -> list[Result]:
    """Return what finding marks on a page and drawing it take, processes and all."""
    content = path.read_bytes()
    results: list[Result] = []
    for name, draws in (("mark a page", False), ("draw a page", True)):
        options = {"kind": "pdf", "page": 1, "width": 1000, "ranges": {"cited": [(0, 400)]}, "draws": draws}
        best = float("inf")
        for _ in range(5):
            began = time.perf_counter()
            ask_child("page", content, Limits(), options)
            best = min(best, time.perf_counter() - began)
        results.append({"name": name, "value": best, "unit": "s"})
    return results


def measured(path: Path) -> Result:
    """Return the best of three."""
    content = path.read_bytes()
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        chunk(parse(content, file_name=path.name))
        best = min(best, time.perf_counter() - began)
    return {"name": f"read {path.name}", "value": best, "unit": "s"}
