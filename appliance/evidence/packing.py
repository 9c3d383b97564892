"""A package of evidence: a ZIP whose digests the log's key signs (deploy/docs/evidence.md). Equal evidence gives equal members."""

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final, Protocol

from appliance.audit.sshsig import signature
from appliance.evidence.controls import FRAMEWORKS
from appliance.evidence.flow import Gathered, standing_of
from appliance.evidence.items import LABELS, STANDINGS
from appliance.evidence.sheets import sheet
from appliance.evidence.values import Evidence
from appliance.evidence.words import TITLE, Cover, Say, gap_words, plain_rows, word_rows
from appliance.proof.sshsig import allowed_signers, public_pem

FORMAT: Final = "cloister-evidence-package/1"
NAMESPACE: Final = "cloister-evidence-package"
MANIFEST, README, SUMS, SUMS_SIGNED = "MANIFEST.json", "README.txt", "SHA256SUMS", "SHA256SUMS.sig"
PAPER, PAPER_SIGNED, PAGE, SBOM = "evidence.pdf", "evidence.pdf.sig", "index.html", "sbom.cdx.json"
SIGNERS, PEM, CHECKPOINT = "keys/allowed_signers", "keys/log.pem", "log/checkpoint.note"
_TIME = (1980, 1, 1, 0, 0, 0)
_SHOWN: Final = 500
_README = f"""This is a package of evidence for the controls of an organisation, made by Cloister.

{PAPER} is for people; {PAGE} is the same for a browser. controls/ says which evidence serves which control, items/ has each
item as JSON and as a table, access-reviews/ the results of reviews of access, {SBOM} the software that runs (CycloneDX 1.6).

Nothing here needs to be taken on trust alone. With OpenSSH and coreutils:

    ssh-keygen -Y verify -f {SIGNERS} -I log -n {NAMESPACE} -s {SUMS_SIGNED} < {SUMS}
    sha256sum --check --strict {SUMS}
    ssh-keygen -Y verify -f {SIGNERS} -I log -n {NAMESPACE} -s {PAPER_SIGNED} < {PAPER}

The signature of the PDF stands beside it, and not inside: viewers of PDF show none. {SIGNERS} proves something only if its
key is the one that you know, of the organisation's audit log: {PEM} is the same key, and a package of the log has it, too.
The signature says that this host made the package, at no moment that anybody else vouches for. What the evidence says of
the past is in the audit log, whose packages prove that it was not altered since.
"""


class Signer(Protocol):
    """The log's key in force."""

    @property
    def public(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True)
class Contents:
    """What goes into a package besides the evidence: whose it is, results of reviews, the log's checkpoint, the software."""

    cover: Cover
    organisation_id: str
    requested_by: str
    reviews: Mapping[str, bytes]
    checkpoint: str | None
    bill: Mapping[str, Any]


def pack(target: Path, contents: Contents, gathered: Gathered, signer: Signer, say: Say) -> None:
    """Write the package. Raises OSError where it cannot be written."""
    from appliance.evidence.paper import draw_paper  # ReportLab is large, and only the worker draws

    paper = draw_paper(contents.cover, gathered, say)
    members: dict[str, bytes] = {
        PAGE: _page(contents.cover, gathered, say).encode(),
        PAPER: paper,
        PAPER_SIGNED: _signed(paper, signer),
        README: _README.encode(),
        SBOM: _json(contents.bill),
        SIGNERS: allowed_signers(signer.public, namespace=NAMESPACE).encode(),
        PEM: public_pem(signer.public).encode(),
        MANIFEST: _json(_manifest(contents, gathered)),
    }
    if contents.checkpoint is not None:
        members[CHECKPOINT] = contents.checkpoint.encode()
    members |= {f"access-reviews/{name}.json": content for name, content in contents.reviews.items()}
    members |= dict(_controls(gathered, say))
    for item, one in gathered.items():
        members[f"items/{item.value}.json"] = _json(_written(one, say))
        if one.about.columns:
            members[f"items/{item.value}.csv"] = sheet(one.about.columns, plain_rows(one)).encode()
    _write(target, members, signer)


def _write(target: Path, members: Mapping[str, bytes], signer: Signer) -> None:
    listed = "".join(f"{hashlib.sha256(members[name]).hexdigest()}  {name}\n" for name in sorted(members)).encode()
    everything = {**members, SUMS: listed, SUMS_SIGNED: _signed(listed, signer)}
    target.touch(mode=0o600)
    with target.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        for name in sorted(everything):
            info = zipfile.ZipInfo(name, _TIME)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            archive.writestr(info, everything[name])


def _signed(content: bytes, signer: Signer) -> bytes:
    return signature(content, namespace=NAMESPACE, public=signer.public, sign=signer.sign).encode()


def _manifest(contents: Contents, gathered: Gathered) -> dict[str, Any]:
    cover = contents.cover
    return {
        "format": FORMAT,
        "items": {item.value: one.standing.value for item, one in gathered.items()},
        "language": cover.language,
        "made_at": cover.made_at.isoformat(timespec="seconds"),
        "organisation": contents.organisation_id,
        "organisation_name": cover.organisation,
        "product": cover.version,
        "requested_by": contents.requested_by,
    }


def _controls(gathered: Gathered, say: Say) -> Iterator[tuple[str, bytes]]:
    for code, framework in FRAMEWORKS.items():
        controls = [
            {"items": [item.value for item in one.items], "number": one.number,
             "standing": standing_of(one, gathered).value, "words": say(one.words)}
            for one in framework.controls
        ]  # fmt: skip
        yield f"controls/{code}.json", _json({"controls": controls, "framework": code, "title": framework.title})


def _written(one: Evidence, say: Say) -> dict[str, Any]:
    gaps = []
    for gap in one.gaps:
        what, remedy = gap_words(gap, say)
        gaps.append({"code": gap.code, "facts": dict(gap.facts), "remedy": remedy, "what": what})
    return {
        "as_of": one.as_of.isoformat(timespec="seconds") if one.as_of else None,
        "columns": list(one.about.columns), "gaps": gaps, "item": one.item.value, "rows": plain_rows(one),
        "standing": one.standing.value, "title": say(one.about.title), "words": say(one.about.words),
    }  # fmt: skip


def _page(cover: Cover, gathered: Gathered, say: Say) -> str:
    head = (
        f'<!doctype html><html lang="{escape(cover.language)}"><meta charset="utf-8"><title>{escape(say(TITLE))}</title>'
        "<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{border:1px solid;padding:.2em .4em;text-align:left}</style>"
        f"<h1>{escape(say(TITLE))}: {escape(cover.organisation)}</h1><p>{cover.made_at:%Y-%m-%d %H:%M} UTC</p>"
    )
    parts = [head]
    for framework in FRAMEWORKS.values():
        rows = [
            [one.number, say(one.words), say(STANDINGS[standing_of(one, gathered)])] for one in framework.controls
        ]
        parts.append(f"<h2>{escape(framework.title)}</h2>{_rows(rows)}")
    for one in gathered.values():
        parts.append(f"<h2>{escape(say(one.about.title))}</h2><p>{escape(say(one.about.words))}</p>")
        parts += [f"<p>{escape(' '.join(gap_words(gap, say)))}</p>" for gap in one.gaps]
        names = "".join(f"<th>{escape(say(LABELS[name]))}</th>" for name in one.about.columns)
        parts.append(_rows(word_rows(one, say, _SHOWN), names))
    return "\n".join(parts) + "\n"


def _rows(rows: Any, head: str = "") -> str:
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{''.join(lines)}</table>"


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Write beside a file and put it in its place: it is there whole, or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = target.with_suffix(".part")
    try:
        yield part
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
