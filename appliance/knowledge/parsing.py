"""The parent's side of parsing: one confined process per file, and what comes back checked like any stranger's word.

Trusted: this process. Not trusted: the document, and the parser once it has touched the document. What a parser
could do at worst is to lie about this one document's text; see `knowledge.parser.confinement`.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from appliance.knowledge.formats import MEDIA_TYPES, recognise
from appliance.knowledge.places import GRID
from appliance.knowledge.scans import STANDARD, Recognition
from appliance.knowledge.scans import recognise as recognise_scans
from appliance.knowledge.unreadable import WARNINGS, UnreadableDocument

Kind = Literal["heading", "paragraph", "list_item", "table_row", "code"]
_KINDS = frozenset({"heading", "paragraph", "list_item", "table_row", "code"})
CONFINEMENT_LAYERS = frozenset({"namespaces", "landlock", "seccomp"})
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_MOST_BLOCKS = 1_000_000
_MOST_PAGES = 5_000
_MOST_PLACES = 100_000_000  # the greatest index of a character
_ROOM = Path(__file__).parent
# `-I` ignores the environment and the working directory; the parser is the only package that is added.
_START = "import sys, runpy; sys.path.append(sys.argv.pop(1)); sys.argv[0] = 'parser'; runpy.run_module('parser', run_name='__main__', alter_sys=True)"


@dataclass(frozen=True)
class Limits:
    """What one file may take."""

    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    memory_bytes: int = 1_500_000_000
    recognition: Recognition = STANDARD


@dataclass(frozen=True)
class Block:
    """`spans` and `boxes` say where it stands on its page: numbers of `knowledge.places` without the page."""

    kind: Kind
    text: str
    level: int
    hidden: str | None
    spans: tuple[tuple[int, ...], ...] = ()
    boxes: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Page:
    number: int | None
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Parsed:
    """A document's text. `warnings` tell what was not read (keys of WARNINGS); `confinement` which layers held."""

    media_type: str
    title: str
    pages: tuple[Page, ...]
    warnings: tuple[str, ...] = ()
    confinement: tuple[str, ...] = ()


def parse(content: bytes, *, file_name: str, limits: Limits = Limits()) -> Parsed:
    """Return the document's text in blocks. Raises UnreadableDocument with a code; never returns an empty text."""
    recognised = recognise(content, file_name)
    if recognised.format is None:
        raise UnreadableDocument(recognised.code)
    answer = ask_child(recognised.format, content, limits)
    try:
        if answer["scans"]:
            _read_scans(answer, recognised.format, content, limits)
        return _parsed(answer, MEDIA_TYPES[recognised.format], _stem(file_name))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise UnreadableDocument("damaged") from error


def _read_scans(answer: dict[str, Any], kind: str, content: bytes, limits: Limits) -> None:
    """Put into the answer what text recognition finds on scanned pages."""

    def ask(options: dict[str, object], cpu_seconds: int, wall_seconds: float) -> dict[str, Any]:
        chosen = replace(limits, cpu_seconds=cpu_seconds, wall_seconds=wall_seconds)
        return ask_child("scan", content, chosen, options | {"kind": kind})

    asked = sorted({_bounded(number, most=_MOST_PAGES) for number in answer["scans"]})
    found = recognise_scans(asked, ask, limits.recognition)
    for page in answer["pages"]:
        page["blocks"] += found.blocks.pop(page["number"], [])
    if not _has_text(answer):
        raise UnreadableDocument("needs_ocr" if "needs_ocr" in found.warnings else found.refused or "no_text")
    answer["warnings"] = [*answer["warnings"], *found.warnings]


def _has_text(answer: dict[str, Any]) -> bool:
    return any(not block["hidden"] for page in answer["pages"] for block in page["blocks"])


def ask_child(
    kind: str, content: bytes, limits: Limits, options: Mapping[str, object] = MappingProxyType({})
) -> dict[str, Any]:
    """Let a confined process work on the content; return its answer, unchecked. Raises UnreadableDocument."""
    answer = _answer_of_child(kind, content, limits, json.dumps(dict(options)))
    if "refused" in answer:
        raise UnreadableDocument(str(answer["refused"]))
    return answer


def _answer_of_child(kind: str, content: bytes, limits: Limits, options: str) -> dict[str, Any]:
    # Memory files instead of pipes: nothing to deadlock on, and the child's output is bounded by RLIMIT_FSIZE.
    with _memory_file("content") as given, _memory_file("text") as taken:
        given.write(content)
        given.seek(0)
        child = subprocess.Popen(
            [sys.executable, "-I", "-c", _START, str(_ROOM), kind, *_numbers(limits), options],
            stdin=given,
            stdout=taken,
            stderr=subprocess.DEVNULL,
            env={"OMP_THREAD_LIMIT": "1"},  # text recognition would start threads, which the filter refuses
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
    except (ValueError, RecursionError) as error:
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


def _numbers(limits: Limits) -> tuple[str, str, str]:
    return str(limits.cpu_seconds), str(limits.memory_bytes), str(os.getpid())


def _code_of(status: int) -> str:
    if status == -signal.SIGXCPU:
        return "time_limit"
    if status == -signal.SIGXFSZ:
        return "too_much_text"
    # pdfium ends the process when an allocation fails: abort, trap or illegal instruction. SIGKILL is the kernel's own
    # answer when the host's memory is spent; our time limit ends as SIGXCPU.
    out_of_memory = {-signal.SIGABRT, -signal.SIGTRAP, -signal.SIGILL, -signal.SIGKILL}
    return "memory_limit" if status in out_of_memory else "damaged"


@contextmanager
def _memory_file(name: str) -> Iterator[Any]:
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "w+b", buffering=0) as file:
        yield file


def _parsed(answer: dict[str, Any], media_type: str, name: str) -> Parsed:
    if sum(len(page["blocks"]) for page in answer["pages"]) > _MOST_BLOCKS:
        raise ValueError("more blocks than any document has")
    pages = tuple(_page(page) for page in answer["pages"])
    if not any(not block.hidden for page in pages for block in page.blocks):
        raise ValueError("an answer without text")
    return Parsed(
        media_type=media_type,
        title=_text(answer["title"])[:300] or name,
        pages=pages,
        warnings=tuple(code for code in WARNINGS if code in answer["warnings"]),
        confinement=tuple(layer for layer in answer["confinement"] if layer in CONFINEMENT_LAYERS),
    )


def _page(page: dict[str, Any]) -> Page:
    number = None if page["number"] is None else _bounded(page["number"], most=_MOST_PAGES)
    return Page(number, tuple(_block(block) for block in page["blocks"]))


def _block(block: dict[str, Any]) -> Block:
    if block["kind"] not in _KINDS:
        raise ValueError("not a block")
    hidden = None if block["hidden"] is None else _text(block["hidden"])[:80]
    text = _text(block["text"])
    spans = _places(block.get("spans", ()), text, size=4, most=_MOST_PLACES)
    boxes = _places(block.get("boxes", ()), text, size=6, most=GRID)
    return Block(block["kind"], text, _bounded(block["level"], most=9), hidden, spans, boxes)


def _places(given: Sequence[Sequence[int]], text: str, *, size: int, most: int) -> tuple[tuple[int, ...], ...]:
    """Return places in the order of the text. Raises ValueError for what lies outside of it, or is no place."""
    ends = 0
    places = []
    for offset, length, *rest in given:
        if _bounded(offset, most=len(text)) < ends or len(rest) != size - 2:
            raise ValueError("not a place in the text")
        ends = offset + _bounded(length, most=len(text) - offset)
        places.append((offset, length, *(_bounded(number, most=most) for number in rest)))
    return tuple(places)


def _text(value: object) -> str:
    # The parser cleans its text; one that was taken over does not, and the database would refuse these signs.
    if not isinstance(value, str) or _NOT_TEXT.search(value):
        raise ValueError("not clean text")
    return value


def _bounded(value: object, *, most: int) -> int:
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError("not a number of this range")
    return value


def _stem(file_name: str) -> str:
    return _NOT_TEXT.sub("", Path(file_name).stem.replace("_", " "))[:300] or "Document"
