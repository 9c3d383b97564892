"""`appliance scan`: what files hold that must not be uploaded or sent. Nothing is kept, and no database asked unless somebody's own rules are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import click

from appliance import dlp
from appliance.dlp import Engine, Finding
from appliance.kernel.errors import Refusal
from appliance.knowledge.formats import is_blank
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.unreadable import REASONS, UnreadableDocument
from appliance.readers import parse_limits, scanner_of
from appliance.settings import load

_FOUND, _UNREAD = 1, 2


@dataclass
class _Scanned:
    """A file, what was found in it, where and as it may be shown, and what of it could not be read."""

    path: Path
    findings: list[tuple[Finding, str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rules-only", is_flag=True, help="Without the model for names and addresses in prose: much faster.")
@click.option(
    "--least", type=click.FloatRange(0, 1), default=0.5, show_default=True, help="The least confidence of what is told."
)
@click.option("--own-of", "email", help="With the own rules of this person's organisation, too: an e-mail address.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each file.")
def scan(paths: tuple[Path, ...], *, rules_only: bool, least: float, email: str | None, as_json: bool) -> None:
    """Look for personal, payment and health data, credentials and markings in files and folders; nothing is kept.

    Files are read as uploads are, hidden text and files inside of them too; findings are shown masked. Exit code 0: nothing was
    found, 1: something was, 2: something could not be read, and may hold anything.
    """
    settings = load()
    engine, limits = scanner_of(settings, with_names=not rules_only), parse_limits(settings)
    own = _own_rules_of(email) if email else dlp.NOTHING
    code = 0
    for path in _files(paths):
        try:
            scanned = _scan(path, engine, own, limits, least)
        except Refusal as refusal:
            raise click.ClickException(str(refusal)) from refusal
        code = _UNREAD if scanned.unread else max(code, _FOUND) if scanned.findings else code
        click.echo(_as_json(scanned) if as_json else _as_text(scanned))
    raise SystemExit(code)


def _own_rules_of(email: str) -> dlp.OwnRules:
    from appliance.cli.use import acting_as

    with acting_as(email) as (services, caller), services.db.tenant(caller.tenant_id) as tx:
        return dlp.own_rules(tx)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        yield from (one for one in sorted(path.rglob("*")) if one.is_file()) if path.is_dir() else (path,)


def _scan(path: Path, engine: Engine, own: dlp.OwnRules, limits: Limits, least: float) -> _Scanned:
    scanned = _Scanned(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        scanned.unread.append(f"cannot be read: {error.strerror}")
        return scanned
    try:
        # Of an empty file the name is all that there is to look at.
        parsed = Parsed("text/plain", "", ()) if is_blank(content) else parse(content, file_name=path.name, limits=limits)
    except UnreadableDocument as unreadable:
        scanned.unread.append(unreadable.reason)
        return scanned
    for place, text in _texts(path, parsed):
        scanned.findings += [(one, place, masked) for one, masked in dlp.shown(engine, text, least=least, own=own)]
    scanned.unread += [f"{part.name or path.name}: {REASONS[part.code]}" for part in parsed.unread]
    return scanned


def _texts(path: Path, parsed: Parsed) -> Iterator[tuple[str, str]]:
    """Return each text of a document, and where it stands: a page's as one, so that what crosses lines is seen."""
    yield "file name", path.name
    yield "title", parsed.title
    for page in parsed.pages:
        where = f"page {page.number}" if page.number else "text"
        yield where, "\n".join(block.text for block in page.blocks if not block.hidden)
        for block in page.blocks:
            if block.hidden:
                yield f"{where}, hidden ({block.hidden})", block.text


def _as_text(scanned: _Scanned) -> str:
    lines = [
        f"{scanned.path}: {len(scanned.findings)} found"
        + (f", {len(scanned.unread)} not read" if scanned.unread else "")
    ]
    lines += [
        f"  {one.category.value:<32} {one.confidence:.2f}  {place}: {shown}  [{one.rule}]"
        for one, place, shown in scanned.findings
    ]
    lines += [f"  not read: {reason}" for reason in scanned.unread]
    return "\n".join(lines)


def _as_json(scanned: _Scanned) -> str:
    return json.dumps(
        {
            "path": str(scanned.path),
            "findings": [
                {
                    "category": one.category.value, "family": one.family.value, "rule": one.rule, "confidence": one.confidence,
                    "through": one.through, "place": place, "shown": shown,
                }
                for one, place, shown in scanned.findings
            ],
            "unread": scanned.unread,
        },
        ensure_ascii=False,
    )  # fmt: skip
