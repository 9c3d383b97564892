"""`appliance ingest`: files and folders from the console, with a line that says how far they are."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click

from appliance import knowledge
from appliance.assembly import Services
from appliance.cli.use import acting_as
from appliance.identity import Caller
from appliance.kernel import jobs
from appliance.kernel.errors import Refusal
from appliance.kernel.ids import parse_id
from appliance.knowledge import BatchId, CollectionId, Document, DocumentId, Receipt, Upload
from appliance.knowledge.errors import CollectionNotFound

_POLL = 0.3
_PATIENCE = 15.0
_WIDTH = 30


@dataclass
class _File:
    """A file of the command, and what became of it."""

    path: Path
    folder: str
    document: Document | None = None
    receipt: Receipt | None = None
    refused: str = ""

    @property
    def name(self) -> str:
        return f"{self.folder}/{self.path.name}" if self.folder else self.path.name

    @property
    def status(self) -> str:
        if self.document is None:
            return "refused"
        # What was sent is the newest version; the one in force tells nothing of it.
        return (self.document.newer or self.document).status.value

    @property
    def reason(self) -> str:
        shown = self.document.newer or self.document if self.document else None
        return self.refused or (shown.reason if shown else "") or ""


@dataclass(frozen=True)
class _Target:
    """Where all files of a command go."""

    collection_id: CollectionId | None
    batch_id: BatchId | None
    is_separate: bool
    is_attested: bool
    labels: tuple[str, ...]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--collection", help="The collection they are for: its name or id. Default: the oldest that one may read."
)
@click.option(
    "--separate", is_flag=True, help="Keep files of the same name apart, instead of as versions of one document."
)
@click.option(
    "--attest", is_flag=True, help="Attest: I would post this on our internal wiki. Where the organisation asks for it."
)
@click.option("--label", "labels", multiple=True, help="A label that the documents bear; may be given several times.")
@click.option("--no-wait", is_flag=True, help="Do not wait until they are ready.")
@click.option("--as", "email", help="Whose upload it is: an e-mail address. Default: the only owner.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ingest(
    *, files: tuple[Path, ...], collection: str | None, separate: bool, attest: bool, labels: tuple[str, ...], no_wait: bool,
    email: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Add files, and folders with all that is in them, and wait until each is ready, failed or held back.

    Hidden files and folders are left out. Exit code 1 unless all are ready (with --no-wait: taken).
    """
    found = list(_files(files))
    if not found:
        raise click.ClickException("There is no file in these folders.")
    with acting_as(email) as (services, caller):
        target, batch_id = _target(services, caller, collection), None
        if len(found) > 1:
            with services.db.tenant(caller.tenant_id) as tx:
                batch_id = knowledge.create_batch(tx, caller, clock=services.clock)
        with _Line(is_shown=sys.stderr.isatty() and not as_json) as line:
            for number, file in enumerate(found):
                line.shows(f"Sending {file.name}", 100 * number // len(found))
                _send(services, caller, file, _Target(target, batch_id, separate, attest, labels))
            if not no_wait:
                _wait(services, caller, found, batch_id, line)
    click.echo(json.dumps([_as_json(file) for file in found]) if as_json else "\n".join(map(_rows, found)))
    good = {"ready"} | ({"received", "parsing", "embedding"} if no_wait else set())
    raise SystemExit(0 if all(file.status in good for file in found) else 1)


class _Line(ExitStack):
    """One line at a terminal that is written over; nothing where nobody looks."""

    def __init__(self, *, is_shown: bool) -> None:
        super().__init__()
        self._is_shown = is_shown
        if is_shown:
            self.callback(click.echo, "\r\x1b[K", err=True, nl=False)

    def shows(self, text: str, percent: int) -> None:
        """Write it over."""
        if self._is_shown:
            filled = _WIDTH * percent // 100
            bar = "#" * filled + "-" * (_WIDTH - filled)
            click.echo(f"\r\x1b[K[{bar}] {percent:3} %  {text[:80]}", err=True, nl=False)


def _files(given: tuple[Path, ...]) -> Iterator[_File]:
    for path in given:
        if not path.is_dir():
            yield _File(path, "")
            continue
        for inside in sorted(path.rglob("*")):
            parts = inside.relative_to(path).parts
            if inside.is_file() and not any(part.startswith(".") for part in parts):
                yield _File(inside, "/".join((path.resolve().name, *parts[:-1])))


def _target(services: Services, caller: Caller, named: str | None) -> CollectionId | None:
    if named is None:
        return None
    with services.db.tenant(caller.tenant_id) as tx:
        open_ones = knowledge.list_collections(tx, caller)
    chosen = parse_id(named)
    fitting = [one for one in open_ones if one.name == named or one.collection_id == chosen]
    if not fitting:
        raise CollectionNotFound
    return fitting[0].collection_id


def _send(services: Services, caller: Caller, file: _File, to: _Target) -> None:
    try:
        upload = Upload(
            file.path.name, file.path.read_bytes(), to.collection_id, file.folder, to.batch_id, to.is_separate,
            to.is_attested, to.labels,
        )
        received = knowledge.take_in(
            services.db, services.blobs, caller, upload, limit_megabytes=services.settings.upload_limit_mb,
            clock=services.clock,
        )  # fmt: skip
    except OSError as error:
        file.refused = f"cannot be read: {error.strerror}"
    except Refusal as refusal:
        file.refused = str(refusal)
    else:
        file.document, file.receipt = received.document, received.receipt


def _wait(services: Services, caller: Caller, files: list[_File], batch_id: BatchId | None, line: _Line) -> None:
    silent_since = time.monotonic()
    while waiting := [file for file in files if file.document is not None and not file.document.is_settled]:
        time.sleep(_POLL)
        with services.db.platform() as tx:
            if jobs.worker_runs(tx):
                silent_since = time.monotonic()
        if time.monotonic() - silent_since > _PATIENCE:
            name = waiting[0].name
            raise click.ClickException(
                f"{name} is stored and waits, but no worker runs. Start the house with `appliance run`."
            )
        with services.db.tenant(caller.tenant_id) as tx:
            for file in waiting[:100]:  # the others are behind these, or are asked for in the next round
                assert file.document is not None  # noqa: S101 - chosen above
                file.document = knowledge.get_document(tx, caller, DocumentId(file.document.document_id))
            batch = knowledge.get_batch(tx, caller, batch_id, clock=services.clock) if batch_id else None
        done = len(files) - len(waiting)
        left = f", about {batch.seconds_left} s left" if batch and batch.seconds_left else ""
        line.shows(f"{done} of {len(files)} done{left}", batch.percent if batch else 0)


def _rows(file: _File) -> str:
    parts = file.document.unread if file.document else ()
    return "\n".join([_row(file), *(f"{'not read':>12} {part.name or file.name}  {part.reason}" for part in parts)])


def _row(file: _File) -> str:
    note = {Receipt.KNOWN: "known already", Receipt.VERSION: "new version"}.get(file.receipt) if file.receipt else None
    return "  ".join(filter(None, (f"{file.status:<12} {file.name}", note, file.reason))).rstrip()


def _as_json(file: _File) -> dict[str, str | int | list[dict[str, str]] | None]:
    return {
        "id": str(file.document.document_id) if file.document else None,
        "file_name": file.name,
        "status": file.status,
        "reason": file.reason or None,
        "unread": [
            {"name": part.name, "reason": part.reason} for part in (file.document.unread if file.document else ())
        ],
        "passages": file.document.chunk_count if file.document else None,
        "receipt": file.receipt.value if file.receipt else None,
        "version": file.document.version if file.document else None,
    }
