"""The parent's side of parsing: one confined process per file, and what comes back checked like any stranger's word.

Trusted: this process. Not trusted: the document, and the parser once it has touched the document. What a parser
could do at worst is to lie about this one document's text; see `knowledge.parser.confinement`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from appliance.knowledge.formats import MEDIA_TYPES, recognise
from appliance.knowledge.unreadable import UnreadableDocument

Kind = Literal["heading", "paragraph", "list_item", "table_row", "code"]
_KINDS = frozenset({"heading", "paragraph", "list_item", "table_row", "code"})
_ROOM = Path(__file__).parent
# `-I` ignores the environment and the working directory; the parser is the only package that is added.
_START = "import sys, runpy; sys.path.append(sys.argv.pop(1)); sys.argv[0] = 'parser'; runpy.run_module('parser', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class Limits:
    """How long one file may take."""

    cpu_seconds: int = 60
    wall_seconds: float = 120.0


@dataclass(frozen=True)
class Block:
    kind: Kind
    text: str
    level: int
    hidden: str | None


@dataclass(frozen=True)
class Page:
    number: int | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Parsed:
    media_type: str
    title: str
    pages: tuple[Page, ...]


def parse(content: bytes, *, file_name: str, limits: Limits = Limits()) -> Parsed:
    """Return the document's text in blocks. Raises UnreadableDocument with a code; never returns an empty text."""
    recognised = recognise(content, file_name)
    if recognised.format is None:
        raise UnreadableDocument(recognised.code)
    answer = _ask_child(recognised.format, content, limits)
    if "refused" in answer:
        raise UnreadableDocument(str(answer["refused"]))
    try:
        pages = tuple(_page(page) for page in answer["pages"])
        title = str(answer["title"])[:300]
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableDocument("damaged") from error
    return Parsed(MEDIA_TYPES[recognised.format], title or _stem(file_name), pages)


def _ask_child(kind: str, content: bytes, limits: Limits) -> dict[str, Any]:
    # Memory files instead of pipes: nothing to deadlock on, and the child's output is bounded by RLIMIT_FSIZE.
    with _memory_file("content") as given, _memory_file("text") as taken:
        given.write(content)
        given.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(_ROOM), kind, str(limits.cpu_seconds), str(os.getpid())],
            stdin=given,
            stdout=taken,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )
        status = _wait(child, limits.wall_seconds)
        taken.seek(0)
        output = taken.read()
    if status != 0:
        raise UnreadableDocument(_code_of(status))
    try:
        answer = json.loads(output)
    except ValueError as error:
        raise UnreadableDocument("damaged") from error
    return answer if isinstance(answer, dict) else {}


def _wait(child: "subprocess.Popen[bytes]", seconds: float) -> int:
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
        return -signal.SIGXCPU
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _code_of(status: int) -> str:
    if status in {-signal.SIGXCPU, -signal.SIGKILL}:
        return "time_limit"
    if status == -signal.SIGXFSZ:
        return "too_much_text"
    # pdfium ends the process when an allocation fails: abort, trap or illegal instruction.
    return "memory_limit" if status in {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL} else "damaged"


@contextmanager
def _memory_file(name: str) -> Iterator[Any]:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w+b", buffering=0) as file:
        yield file


def _page(page: dict[str, Any]) -> Page:
    number = page["number"]
    return Page(number if number is None else int(number), tuple(_block(block) for block in page["blocks"]))


def _block(block: dict[str, Any]) -> Block:
    if block["kind"] not in _KINDS or not isinstance(block["text"], str):
        raise ValueError("not a block")
    hidden = block["hidden"]
    return Block(block["kind"], block["text"], int(block["level"]), None if hidden is None else str(hidden)[:80])


def _stem(file_name: str) -> str:
    return Path(file_name).stem.replace("_", " ")[:300] or "Document"
