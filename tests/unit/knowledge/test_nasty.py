"""The hostile files of the test set: each ends in its status, within its limits, and nothing gets out.

They are read by a program in a network namespace without anything in it and with scratch directories that nobody else
writes to. What the parsers took is what the kernel says of them.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.knowledge.scans import installed_languages
from tests.support.house import SAMPLES, SHARED

NASTY = SHARED / "nasty"
ROOT = Path(__file__).parents[3]
WHOLE, IN_PART = "ready", "incomplete"
# The status or the reason of failure, and what is told as not read.
STATUS: dict[str, tuple[str, set[str]]] = {
    "docx_billion_laughs.docx": ("document_type", set()),
    "docx_hidden_prompt.docx": (WHOLE, {"hidden_text"}),
    "docx_macro.docm": (IN_PART, {"macros"}),
    "docx_password_passtika.docx": ("encrypted", set()),
    "docx_xxe.docx": ("document_type", set()),
    "docx_zipbomb_400mb.docx": ("bomb", set()),
    "exe_as_docx.docx": ("unsupported", set()),
    "mail_bomb_nested.eml": (IN_PART, {"too_deep"}),
    "page_deep_nesting.html": ("too_deep", set()),
    "page_scripts.html": (WHOLE, set()),
    # Its 117 pictures of screens are full of text: what is beyond the processor seconds for pictures is told.
    "pdf_400p_images.pdf": (IN_PART, {"ocr_stopped"}) if installed_languages() else (IN_PART, {"pictures_need_ocr"}),
    "pdf_bomb_giant.pdf": (WHOLE, set()),
    "pdf_evaljs.pdf": (WHOLE, set()),
    "pdf_failure_after_repair.pdf": (WHOLE, {"hidden_text"}),
    "pdf_fileattachment.pdf": (IN_PART, {"damaged"}),
    "pdf_fuzzed_pdfbox.pdf": (WHOLE, set()),
    "pdf_invalid_structure.pdf": (WHOLE, set()),
    "pdf_owner_protected.pdf": (WHOLE, set()),
    "pdf_password.pdf": ("encrypted", set()),
    "pdf_password_lo.pdf": ("encrypted", set()),
    "pdf_xref_missing.pdf": (WHOLE, set()),
    "polyglot_html_as_pdf.pdf": (WHOLE, set()),
    "sheet_huge_200k_rows.xlsx": (WHOLE, set()),
    "sheet_macro.xlsm": (IN_PART, {"macros"}),
    "sheet_protected.xlsx": ("encrypted", set()),
    "slides_malformed.pptx": (WHOLE, set()),
    "xml_xxe.xml": ("document_type", set()),
    "zip_abs_path.zip": (WHOLE, set()),
    "zip_droste_quine.zip": ("too_deep", {"too_deep"}),
    "zip_rel_path.zip": (WHOLE, set()),
}

_PROGRAM = """
import json, resource, socket, sys
from pathlib import Path
from appliance.knowledge.chunking import document_text
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.scans import STANDARD, Recognition
from appliance.knowledge.unreadable import UnreadableDocument

folder, is_alone, picture_seconds, *scratch = sys.argv[1:]
limits = Limits(recognition=Recognition(picture_seconds=int(picture_seconds)) if picture_seconds else STANDARD)
listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) if is_alone else None
if listener:
    listener.setblocking(False)

def packets():
    count = 0
    while listener:
        try:
            listener.recv(65535)
            count += 1
        except BlockingIOError:
            break
    return count

def spent():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024

for path in sorted(Path(folder).glob("*")):
    if path.suffix == ".tsv":
        continue
    before, _ = spent()
    try:
        parsed = parse(path.read_bytes(), file_name=path.name, limits=limits)
    except UnreadableDocument as unreadable:
        status, told = unreadable.code, [part.code for part in unreadable.unread]
    else:
        status = "ready" if parsed.is_whole else "incomplete"
        told = [*parsed.warnings, *(part.code for part in parsed.unread)]
        assert document_text(parsed).strip(), path.name
    after, memory = spent()
    print(json.dumps({
        "name": path.name, "status": status, "told": sorted(set(told)), "packets": packets(),
        "cpu": after - before, "memory": memory, "devices": Path("/proc/net/dev").read_text().splitlines()[2:],
        "written": [str(found) for place in scratch for found in Path(place).rglob("*")],
    }))
"""


@dataclass(frozen=True)
class Seen:
    """What became of a file. `memory` is the most that any parser took so far."""

    name: str
    status: str
    told: list[str]
    cpu: float
    memory: int
    packets: int
    devices: list[str]
    written: list[str]


# A file of 117 pictures takes all seconds that there are for pictures, and ends in its status with few as with many.
FEW_SECONDS = "6"
SCRATCH = ["/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108 - looked at, and empty in the namespace
_MOUNT = " && ".join(f"mount -t tmpfs none {place}" for place in SCRATCH)


def can_be_alone() -> bool:
    is_hidden = any(str(path).startswith(place) for path in (ROOT, SHARED) for place in SCRATCH)
    trial = ["/usr/bin/env", "unshare", "-rnm", "sh", "-c", _MOUNT]
    return not is_hidden and subprocess.run(trial, check=False, capture_output=True).returncode == 0


ALONE = can_be_alone()


def watch(folder: Path, scratch: Path, program: str = _PROGRAM, *, picture_seconds: str = "") -> dict[str, Seen]:
    how = ["/usr/bin/env", "unshare", "-rnm", "sh", "-c", f'{_MOUNT} && exec "$0" "$@"'] if ALONE else []
    home, looked_at = ("/tmp", SCRATCH) if ALONE else (str(scratch), [str(scratch)])  # noqa: S108 - the namespace's own
    before = _everything_beside(folder)
    done = subprocess.run(
        [*how, sys.executable, "-c", program, str(folder), "alone" if ALONE else "", picture_seconds, *looked_at],
        env={"HOME": home, "TMPDIR": home, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
        cwd="/", capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    assert _everything_beside(folder) == before
    return {seen.name: seen for seen in (Seen(**json.loads(line)) for line in done.stdout.splitlines())}


def _everything_beside(folder: Path) -> set[str]:
    # Where a name in an archive that is believed would lead to, from the folder or from the root.
    places = [folder, folder.parents[2], Path("/"), Path("/dangerous")]
    return {str(found) for place in places if place.is_dir() for found in place.iterdir()}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return watch(NASTY, tmp_path_factory.mktemp("scratch"), picture_seconds=FEW_SECONDS)


def is_harmless(seen: Seen) -> None:
    assert (seen.status, set(seen.told)) == STATUS[seen.name]
    assert seen.cpu <= 60
    assert seen.memory <= 1_500_000_000
    assert seen.written == []
    assert seen.packets == 0
    if ALONE:
        assert [line.split(":")[0].strip() for line in seen.devices] == ["lo"]
        assert all(int(count) == 0 for line in seen.devices for count in line.split(":")[1].split())


@pytest.mark.skipif(not NASTY.exists(), reason="the shared documents are not beside the project")
@pytest.mark.parametrize("name", STATUS, ids=str)
def test_a_hostile_file_ends_in_its_status_within_its_limits_and_nothing_gets_out(
    name: str, watched: dict[str, Seen]
) -> None:
    is_harmless(watched[name])


@pytest.mark.long
@pytest.mark.skipif(not NASTY.exists(), reason="the shared documents are not beside the project")
def test_the_hostile_files_end_so_with_all_the_seconds_that_the_product_gives_their_pictures(tmp_path: Path) -> None:
    for seen in watch(NASTY, tmp_path).values():
        is_harmless(seen)


@pytest.mark.skipif(not NASTY.exists(), reason="the shared documents are not beside the project")
def test_every_hostile_file_has_its_status_here() -> None:
    assert {path.name for path in NASTY.glob("*") if path.suffix != ".tsv"} == set(STATUS)


_LEAKS = """
import subprocess
subprocess.run(["/usr/bin/env", "ip", "link", "set", "lo", "up"], check=True)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
Path("/tmp/leaked").write_text("x")
for path in """


@pytest.mark.skipif(not ALONE or not shutil.which("ip"), reason="this host allows no namespace")
def test_a_packet_and_a_file_would_be_seen(tmp_path: Path) -> None:
    seen = watch(SAMPLES, tmp_path, _PROGRAM.replace("for path in ", _LEAKS, 1))

    assert sum(one.packets for one in seen.values()) > 0
    assert seen["cafeteria.md"].written == ["/tmp/leaked"]  # noqa: S108 - the namespace's own
