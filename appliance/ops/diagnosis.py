"""`appliance doctor`: what is wrong, and the remedy. A check that could not run is skipped, and says so."""

import struct
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from appliance.kernel.db import make_engine
from appliance.knowledge import scans
from appliance.knowledge.parsed import CONFINEMENT_LAYERS
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.scans import Recognition
from appliance.knowledge.unreadable import UnreadableDocument
from appliance.ops import migrations
from appliance.ops.errors import CannotStart
from appliance.ops.key_findings import check_keys_open, check_root, check_secrets
from appliance.ops.preflight import Finding, Level, check_export_folder, check_host
from appliance.ops.sign_on_findings import CERTIFICATES, judge_certificates
from appliance.ops.stream_findings import STREAMS, judge_streams
from appliance.vault import Roots

_KEYS_NEED = {"root key", "database", "schema"}
_SILENT_SECONDS = 30
_LONG_WAIT_SECONDS = 600
# A white bitmap of 300 by 100 points, one bit each.
_BLANK = struct.pack(
    "<2sIHHI IiiHHIIiiII II", b"BM", 62 + 4_000, 0, 0, 62, 40, 300, 100, 1, 1, 0, 4_000, 0, 0, 2, 0, 0, 0xFFFFFF
)
_BLANK += b"\xff" * 4_000
_MODELS = "SELECT model, organisations FROM cloister.models_in_use() ORDER BY model"
_PLAIN = "SELECT cloister.plain_text_state()"
_SEALING = {
    "plain": Finding(
        "conversations", Level.WARN, "being sealed", "The worker seals what was kept before and looks each minute; let it run."
    ),
    "emptied": Finding(
        "conversations", Level.WARN, "sealed; the database's files still hold what was said before",
        "The worker's round wipes them within ten minutes, if the host has the migrator's secret and nobody uses the tables.",
    ),
    "wiped": Finding("conversations", Level.OK, "sealed"),
}  # fmt: skip
_QUEUE = """
    SELECT (SELECT extract(epoch FROM now() - max(last_heartbeat)) FROM cloister.procrastinate_workers),
           (SELECT extract(epoch FROM now() - min(queued_at)) FROM cloister.procrastinate_jobs WHERE status = 'todo')"""


def diagnose(
    *, data_directory: Path, secrets: Path, models: Path, host: str, port: int, languages: str, preflight: bool,
    url: Callable[[], str], roots: Callable[[], Roots], anchors: Callable[[], list[Finding]] = list, export_folder: Path | None = None,
) -> list[Finding]:  # fmt: skip
    """Return every finding. `url`, `roots` and `anchors` are called late: they fail where the secrets do."""
    findings = check_host(data_directory=data_directory, host=host, port=port if preflight else None)
    findings.append(_models(models))
    if export_folder is not None:
        findings.append(check_export_folder(export_folder))
    if preflight:
        return findings
    root = check_root(roots, secrets)
    findings += [_parser(), _recognition(languages), check_secrets(secrets), root]
    database = _database(url, models)
    findings += database
    away = [one.name for one in (root, *database) if one.name in _KEYS_NEED and one.level is Level.FAIL]
    if away:
        findings.append(Finding("keys", Level.SKIPPED, f"not looked at without the {' and the '.join(away)}"))
    else:
        findings += check_keys_open(url, secrets, roots)
    return findings + ([] if away else anchors())


def _models(models: Path) -> Finding:
    found = sorted(path.parent.name for path in models.glob("*/model.onnx"))
    if not found:
        return Finding("models", Level.FAIL, f"no local model in {models}", "Run `make models`.")
    return Finding("models", Level.OK, ", ".join(found))


def _missing_model(models: Path, name: str, organisations: int) -> Finding | None:
    if (models / name / "model.onnx").exists():
        return None
    detail = f"{name} is missing; organisations that are searched by it: {organisations}"
    remedy = (
        f"Their questions and uploads are refused. Run `appliance models build {name}`, or restore {models / name}."
    )
    return Finding("models", Level.FAIL, detail, remedy)


def _parser() -> Finding:
    try:
        layers = parse(b"A sentence to read.", file_name="check.txt").confinement
    except UnreadableDocument as refused:
        remedy = "No document can be read. Allow seccomp for this service, or use Linux 5.13 or newer."
        return Finding("parser", Level.FAIL, refused.reason, remedy)
    missing = sorted(CONFINEMENT_LAYERS.difference(layers))
    if missing:
        remedy = "Documents are read under the layers that hold; allow user namespaces and Landlock for all of them."
        return Finding("parser", Level.WARN, f"confined without {', '.join(missing)}", remedy)
    return Finding("parser", Level.OK, f"confined by {', '.join(layers)}")


def _recognition(wanted: str) -> Finding:
    """Judge text recognition by what is installed, and by trying it on a blank picture."""
    installed = scans.installed_languages()
    try:
        parse(_BLANK, file_name="check.bmp", limits=Limits(recognition=Recognition(wanted)))
    except UnreadableDocument as refused:
        if refused.code != "no_text":  # it looked, and rightly found nothing
            remedy = f"Scans and pictures cannot be read. As root: {scans.INSTALL}"
            return Finding("ocr", Level.WARN, "text recognition is not installed", remedy)
    missing = [name for name in wanted.split("+") if name not in installed]
    if missing:
        packages = " ".join(f"tesseract-ocr-{name.lower().replace('_', '-')}" for name in missing)
        remedy = f"As root: apt-get install {packages}; or choose APPLIANCE_OCR_LANGUAGES among those installed."
        return Finding("ocr", Level.WARN, f"without {', '.join(missing)}; installed: {', '.join(installed)}", remedy)
    return Finding("ocr", Level.OK, f"{wanted}; installed: {', '.join(installed)}")


def _database(url: Callable[[], str], models: Path) -> list[Finding]:
    try:
        engine = make_engine(url(), pool_size=1, application="cloister-doctor")
    except CannotStart as error:
        return [Finding("database", Level.FAIL, "cannot be signed in to", str(error))]
    try:
        with engine.connect() as connection:
            version = str(connection.scalar(text("SHOW server_version")))
            revision = connection.scalar(text("SELECT version_num FROM cloister.alembic_version"))
            is_current = revision == migrations.head_revision()
            in_use = connection.execute(text(_MODELS)).all() if is_current else []
            heard, oldest = connection.execute(text(_QUEUE)).one()
            streams = connection.execute(text(STREAMS)).one() if is_current else None
            certificates = connection.execute(text(CERTIFICATES)).one() if is_current else None
            plain = str(connection.scalar(text(_PLAIN))) if is_current else ""
            may_rebind = connection.scalar(
                text("SELECT has_function_privilege('pg_catalog.set_config(text,text,boolean)', 'EXECUTE')")
            )
    except DBAPIError:
        return [Finding("database", Level.FAIL, "does not answer", "Start the house with `appliance run`.")]
    finally:
        engine.dispose()
    findings = [Finding("database", Level.OK, f"Postgres {version}, schema {revision}")]
    if not is_current:
        findings.append(Finding("schema", Level.FAIL, f"{revision} is not this version's", "Run `appliance migrate`."))
    findings += filter(None, (_missing_model(models, name, organisations) for name, organisations in in_use))
    findings.append(_worker(heard, oldest))
    if streams is not None and (judged := judge_streams(*streams)):
        findings.append(judged)
    if certificates is not None and (judged := judge_certificates(*certificates)):
        findings.append(judged)
    if plain in _SEALING:
        findings.append(_SEALING[plain])
    if may_rebind:
        remedy = "As superuser: REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC"
        findings.append(Finding("isolation", Level.FAIL, "services may call set_config()", remedy))
    return findings


def _worker(heard: float | None, oldest: float | None) -> Finding:
    """Judge the seconds since a worker's last heartbeat, and since the oldest job was queued."""
    if heard is None or heard > _SILENT_SECONDS:
        since = "never" if heard is None else f"{heard:.0f} seconds ago"
        remedy = "Documents wait until it runs: start the house with `appliance run`, or the worker's service."
        return Finding("worker", Level.WARN, f"no worker runs (last heard of: {since})", remedy)
    if oldest is not None and oldest > _LONG_WAIT_SECONDS:
        remedy = "More is queued than is done: raise APPLIANCE_WORKER_CONCURRENCY, and see the jobs page for failures."
        return Finding("worker", Level.WARN, f"the oldest job waits for {oldest / 60:.0f} minutes", remedy)
    waits = f", oldest job {oldest:.0f} seconds" if oldest is not None else ", nothing waits"
    return Finding("worker", Level.OK, f"heard {heard:.0f} seconds ago{waits}")
