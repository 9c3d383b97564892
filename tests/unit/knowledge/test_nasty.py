"""The hostile files of the test set: each ends in its status, within its limits, and nothing gets out.

Each is read by a program of its own, in a network namespace without anything in it and with scratch directories that
nobody else writes to. What its parsers took is what the kernel says of them.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.house import SHARED

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
    "pdf_400p_images.pdf": (WHOLE, set()),  # the pages of it that have no text are blank
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
    "sheet_huge_200k_rows.xlsx": ("unsupported", set()),
    "sheet_macro.xlsm": ("unsupported", set()),
    "sheet_protected.xlsx": ("encrypted", set()),
    "slides_malformed.pptx": ("unsupported", set()),
    "xml_xxe.xml": ("document_type", set()),
    "zip_abs_path.zip": (WHOLE, set()),
    "zip_droste_quine.zip": ("too_deep", {"too_deep"}),
    "zip_rel_path.zip": (WHOLE, set()),
}

_PROGRAM = """
import json, resource, socket, sys
from pathlib import Path
from appliance.knowledge.parsing import parse
from appliance.knowledge.unreadable import UnreadableDocument

listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) if sys.argv[2] == "alone" else None
if listener:
    listener.setblocking(False)
path = Path(sys.argv[1])
try:
    parsed = parse(path.read_bytes(), file_name=path.name)
except UnreadableDocument as unreadable:
    status, told = unreadable.code, [part.code for part in unreadable.unread]
else:
    status = "ready" if parsed.is_whole else "incomplete"
    told = [*parsed.warnings, *(part.code for part in parsed.unread)]
packets = 0
while listener:
    try:
        listener.recv(65535)
        packets += 1
    except BlockingIOError:
        break
of_parsers = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({
    "status": status, "told": sorted(set(told)), "packets": packets,
    "cpu": of_parsers.ru_utime + of_parsers.ru_stime, "memory": of_parsers.ru_maxrss * 1024,
    "devices": Path("/proc/net/dev").read_text().splitlines()[2:],
    "written": [str(found) for place in sys.argv[3:] for found in Path(place).rglob("*")],
}))
"""


@dataclass
class Seen:
    status: str
    told: set[str]
    cpu: float
    memory: int
    packets: int
    devices: list[str]
    written: list[str]


SCRATCH = ["/tmp", "/var/tmp", "/dev/shm"]  # noqa: S108 - looked at, and empty in the namespace
_MOUNT = " && ".join(f"mount -t tmpfs none {place}" for place in SCRATCH)


def can_be_alone() -> bool:
    is_hidden = any(str(path).startswith(place) for path in (ROOT, SHARED) for place in SCRATCH)
    trial = ["/usr/bin/env", "unshare", "-rnm", "sh", "-c", _MOUNT]
    return not is_hidden and subprocess.run(trial, check=False, capture_output=True).returncode == 0


ALONE = can_be_alone()


def watch(path: Path, scratch: Path, program: str = _PROGRAM) -> Seen:
    how = ["/usr/bin/env", "unshare", "-rnm", "sh", "-c", f'{_MOUNT} && exec "$0" "$@"'] if ALONE else []
    home, looked_at = ("/tmp", SCRATCH) if ALONE else (str(scratch), [str(scratch)])  # noqa: S108 - the namespace's own
    before = _everything_beside(path)
    done = subprocess.run(
        [*how, sys.executable, "-c", program, str(path), "alone" if ALONE else "beside", *looked_at],
        env={"HOME": home, "TMPDIR": home, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]},
        cwd="/", capture_output=True, text=True, check=True, timeout=180,
    )  # fmt: skip
    said = json.loads(done.stdout)
    return Seen(
        said["status"],
        set(said["told"]),
        said["cpu"],
        said["memory"],
        said["packets"],
        said["devices"],
        [*said["written"], *sorted(_everything_beside(path) - before)],
    )


def _everything_beside(path: Path) -> set[str]:
    # Where a name in an archive that is believed would lead to, from the file or from the root.
    places = [path.parent, path.parents[3], Path("/"), Path("/dangerous")]
    return {str(found) for place in places if place.is_dir() for found in place.iterdir()}


@pytest.mark.skipif(not NASTY.exists(), reason="the shared documents are not beside the project")
@pytest.mark.parametrize("name", STATUS, ids=str)
def test_a_hostile_file_ends_in_its_status_within_its_limits_and_nothing_gets_out(name: str, tmp_path: Path) -> None:
    seen = watch(NASTY / name, tmp_path)

    assert (seen.status, seen.told) == STATUS[name]
    assert seen.cpu <= 60
    assert seen.memory <= 1_500_000_000
    assert seen.written == []
    assert seen.packets == 0
    if ALONE:
        assert [line.split(":")[0].strip() for line in seen.devices] == ["lo"]
        assert all(int(count) == 0 for line in seen.devices for count in line.split(":")[1].split())


@pytest.mark.skipif(not NASTY.exists(), reason="the shared documents are not beside the project")
def test_every_hostile_file_has_its_status_here() -> None:
    assert {path.name for path in NASTY.glob("*") if path.suffix != ".tsv"} == set(STATUS)


_LEAKS = """
import subprocess
subprocess.run(["/usr/bin/env", "ip", "link", "set", "lo", "up"], check=True)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9))
Path("/tmp/leaked").write_text("x")
path = """


@pytest.mark.skipif(not ALONE or not NASTY.exists() or not shutil.which("ip"), reason="this host allows no namespace")
def test_a_packet_and_a_file_would_be_seen(tmp_path: Path) -> None:
    seen = watch(NASTY / "zip_rel_path.zip", tmp_path, _PROGRAM.replace("path = ", _LEAKS, 1))

    assert seen.packets > 0
    assert seen.written == ["/tmp/leaked"]  # noqa: S108 - the namespace's own
