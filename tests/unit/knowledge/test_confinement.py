import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from appliance.knowledge import parsing
from appliance.knowledge.child import Answer
from appliance.knowledge.formats import Format
from appliance.knowledge.parsed import checked
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.unreadable import WARNINGS, UnreadableDocument

ROOM = Path(parsing.__file__).parent
SLOW = b"<p>" + b"<b>x</b> " * 4_000_000


def told(program: str) -> str:
    start = f"""
import ctypes, errno, os, socket, sys
sys.path.append({str(ROOM)!r})
from parser import confinement
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
def refused(*call):
    code = libc.syscall(*call)
    return code == -1 and ctypes.get_errno() == errno.EPERM
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", start + program], capture_output=True, text=True, check=False, timeout=20
    )
    return done.stdout.strip() or done.stderr


def refusal(content: bytes, name: str, limits: Limits) -> str:
    with pytest.raises(UnreadableDocument) as caught:
        parse(content, file_name=name, limits=limits)
    return caught.value.code


# x86-64 numbers of calls that a list of forbidden calls would easily forget.
FORGOTTEN = {
    "cut a file by its path": "76, b'/tmp/cloister-none', 0",
    "link a file": "265, -100, b'/etc/hostname', -100, b'/tmp/cloister-link', 0",
    "make a directory": "258, -100, b'/tmp/cloister-dir', 0o700",
    "take shared memory": "29, 0, 4096, 0o1600",
    "change another's limits": "302, os.getppid(), 7, None, None",
    "queue a signal": "129, os.getppid(), 0, None",
    "list mounts' handles": "304, 0, None, 0",
    "set the clock": "227, 0, None",
    "duplicate a descriptor": "32, 0",
    "ask a device": "16, 0, 0, 0",
}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize("call", FORGOTTEN, ids=str)
def test_it_refuses_calls_that_nobody_thought_of(call: str) -> None:
    assert told(f"confinement.filter_calls(libc)\nprint(refused({FORGOTTEN[call]}))") == "True"


def test_it_refuses_a_socket_and_the_use_of_one_that_was_open() -> None:
    program = """
before = socket.socket()
confinement.filter_calls(libc)
for attempt in (socket.socket, lambda: before.connect(("127.0.0.1", 9)), socket.socketpair):
    try:
        attempt()
        print("escaped")
    except PermissionError:
        pass
print("refused")
"""
    assert told(program) == "refused"


def test_it_has_no_path_by_landlock_alone() -> None:
    program = """
if not confinement.forbid_paths(libc):
    print("absent")
else:
    for attempt in (lambda: open("/etc/hostname"), lambda: open("/tmp/cloister-escaped", "w"), lambda: os.listdir("/")):
        try:
            attempt()
            print("escaped")
        except PermissionError:
            pass
    print("refused")
"""
    assert told(program) in {"refused", "absent"}
    assert not Path("/tmp/cloister-escaped").exists()  # noqa: S108 - where an escape would write


def test_it_has_no_network_by_namespaces_alone() -> None:
    program = """
if not confinement.leave_namespaces(libc):
    print("absent")
else:
    try:
        socket.create_connection(("192.0.2.1", 80), 1)
    except OSError as error:
        print("refused" if error.errno == errno.ENETUNREACH else error)
"""
    assert told(program) in {"refused", "absent"}


def test_it_says_which_layers_held() -> None:
    assert parse(b"words", file_name="a.txt").confinement[-1] == "seccomp"


def test_it_ends_at_the_limit_of_time() -> None:
    assert refusal(SLOW, "a.html", Limits(cpu_seconds=1, wall_seconds=20)) == "time_limit"
    assert refusal(SLOW, "a.html", Limits(cpu_seconds=60, wall_seconds=0.5)) == "time_limit"


def test_it_ends_at_the_limit_of_memory() -> None:
    assert refusal(b"<p>" + b"words " * 20_000_000, "a.html", Limits(memory_bytes=200_000_000)) == "memory_limit"


def test_it_ends_at_the_limit_of_text() -> None:
    assert refusal(b"words and words. " * 1_300_000, "a.txt", Limits()) == "too_much_text"


def test_the_parser_dies_with_its_parent() -> None:
    program = f"""
import sys
sys.path[:0] = {[str(ROOM.parents[1])]!r}
from appliance.knowledge.parsing import parse
parse(b"<p>" + b"<b>x</b> " * 8_000_000, file_name="a.html")
"""
    with subprocess.Popen([sys.executable, "-c", program]) as parent:
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        deadline = time.monotonic() + 20
        while not (child := children.read_text().split()) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.4)
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    assert child
    while running(child[0]) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not running(child[0])


def running(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


BLOCK = {"kind": "paragraph", "text": "said", "level": 0, "hidden": None}
LIES = [
    {},
    {"pages": []},
    {"pages": [{"number": 1, "blocks": []}]},
    {"pages": [{"number": 10**30, "blocks": [BLOCK]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"text": "nul\0"}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"text": "half \ud800"}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"level": 1e400}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"kind": "script"}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"hidden": "x"}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK]}], "title": {}},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"spans": [[0, 5, 0, 5]]}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"spans": [[2, 2, 0, 2], [0, 2, 0, 2]]}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"spans": [[0, 4, -1, 4]]}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"spans": [[0, 4, 0]]}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"boxes": [[0, 4, 0, 0, 10_001, 9]]}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK | {"boxes": "here"}]}]},
    {"pages": [{"number": 1, "blocks": [BLOCK]}], "format": "exe"},
    {"pages": [{"number": 1, "blocks": [BLOCK]}], "unread": [{"name": "a", "code": "all is well"}]},
    {"pages": [{"number": 1, "blocks": [BLOCK]}], "unread": [{"name": "nul\0", "code": "damaged"}]},
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: json.dumps(lie)[:60])
def test_it_believes_nothing_that_a_parser_could_not_say(lie: dict[str, object]) -> None:
    answer = {"format": None, "title": "", "warnings": [], "unread": [], "confinement": []} | lie
    upload = parsing._Upload(Limits())

    with pytest.raises((KeyError, TypeError, ValueError, OverflowError, UnreadableDocument)):
        parsed = checked(answer, Format.TEXT, "name")
        upload._take(parsed, ())
        parsing._whole(upload, parsed)


def test_it_believes_an_answer_that_is_none_of_these() -> None:
    pages = [{"number": 1, "blocks": [BLOCK]}]
    answer = {"format": None, "title": "", "pages": pages, "warnings": [], "unread": [], "confinement": []}

    assert checked(answer, Format.TEXT, "name").has_text


@pytest.mark.parametrize("size", [11, -1, 10**30, "1", None])
def test_it_believes_no_size_of_a_file_that_is_not_there(size: object) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        answer = Answer({"attached": [{"name": "a.txt", "size": size}]}, 0.0, file.fileno(), 0, 10)

        with pytest.raises(ValueError, match="not a file"):
            list(answer.files())


def test_it_gives_every_warning_in_whole_sentences() -> None:
    assert all(text[0].isupper() and text.endswith((".", "first.")) for text in WARNINGS.values())
