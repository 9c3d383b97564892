"""The parent's side of parsing: a confined process for each file, and what comes back checked like any stranger's word.

Trusted: this process. Not trusted: the document, and the parser once it has touched the document. What a parser
could do at worst is to lie about this one document's text; see `knowledge.parser.confinement`.

A document may hold others: attachments, members of an archive. Each is parsed like a document of its own, in its own
process, and joins the pages under its name. What of it could not be read is told by name, never passed over.
"""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from appliance.knowledge.child import Answer, ask
from appliance.knowledge.formats import WRITTEN, Format, is_blank, recognise
from appliance.knowledge.inlays import UNREAD_WITHOUT_OCR, read_pictures
from appliance.knowledge.parsed import (
    CONFINEMENT_LAYERS,
    MOST_BLOCKS,
    MOST_UNREAD,
    Block,
    Page,
    Parsed,
    checked,
    clean_text,
    page_number,
    title_of,
)
from appliance.knowledge.scans import STANDARD, Ask, Left, Recognised, Recognition
from appliance.knowledge.scans import recognise as recognise_scans
from appliance.knowledge.unreadable import WARNINGS, Unread, UnreadableDocument

INSIDE = " › "


@dataclass(frozen=True)
class Limits:
    """What one file may take, and all of an upload together with what is inside it."""

    cpu_seconds: int = 60
    wall_seconds: float = 120.0
    memory_bytes: int = 1_500_000_000
    uploads_share: int = 3  # so many times the seconds above for an upload as a whole
    depth: int = 5
    files: int = 1_000
    file_bytes: int = 200_000_000
    characters: int = 20_000_000
    recognition: Recognition = STANDARD


def parse(content: bytes, *, file_name: str, limits: Limits = Limits()) -> Parsed:
    """Return the document's text in blocks. Raises UnreadableDocument with a code; never returns an empty text."""
    upload = _Upload(limits)
    return _whole(upload, upload.read(content, file_name))


def _whole(upload: "_Upload", document: Parsed) -> Parsed:
    joined = replace(
        document,
        pages=tuple(upload.pages),
        warnings=tuple(code for code in WARNINGS if code in upload.warnings),
        unread=tuple(upload.unread),
        confinement=tuple(layer for layer in document.confinement if layer in upload.layers),
    )
    if not joined.has_text:
        raise UnreadableDocument(_only_reason(joined), unread=joined.unread)
    return joined


def _only_reason(parsed: Parsed) -> str:
    codes = {missed.code for missed in parsed.unread}
    if not codes:
        return "no_text"
    return codes.pop() if len(codes) == 1 else "nothing_readable"


@dataclass
class _Upload:
    """An upload as it is read: what it may still take, and what was found so far."""

    limits: Limits
    pages: list[Page] = field(default_factory=list)
    warnings: set[str] = field(default_factory=set)
    unread: list[Unread] = field(default_factory=list)
    layers: frozenset[str] = CONFINEMENT_LAYERS
    files: int = 0
    file_bytes: int = 0
    characters: int = 0
    blocks: int = 0
    cpu_seconds: float = 0.0
    recognised_seconds: int = 0
    pictures: dict[bytes, str] = field(default_factory=dict)  # what was read of them, by digest
    picture_seconds: float = 0.0  # of the processor
    begun: float = field(default_factory=time.monotonic)

    def read(self, content: bytes, name: str, path: tuple[str, ...] = ()) -> Parsed:
        """Read a file and all that is inside it; return it without them. `path` names it from the upload on."""
        recognised = recognise(content, name)
        if recognised.format is None:
            raise UnreadableDocument(recognised.code)
        cpu_seconds, wall_seconds = self._allowance()
        try:
            with ask(
                recognised.format,
                content,
                cpu_seconds=cpu_seconds,
                memory_bytes=self.limits.memory_bytes,
                wall_seconds=wall_seconds,
            ) as answer:
                self.cpu_seconds += answer.cpu_seconds
                _raise_refusal(answer, recognised.format, path)
                self._read_drawn(answer, recognised.format, content, path)
                parsed = checked(answer.said, recognised.format, title_of(name))
                self._take(parsed, path)
                self._read_inside(answer, path)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UnreadableDocument("damaged") from error
        except UnreadableDocument as unreadable:
            self.cpu_seconds += unreadable.cpu_seconds
            raise
        return parsed

    def _read_drawn(self, answer: Answer, kind: Format, content: bytes, path: tuple[str, ...]) -> None:
        """Put into the answer what text recognition finds on scanned pages and in pictures."""
        said = answer.said
        tried = [
            self._read_scans(said, kind, content),
            self._read_plates(said, content),
            read_pictures(answer, self.pictures, self._recognise_pictures, self._ask_picture),
        ]
        # Of a file inside, what is hidden is checked even where nothing else is in it.
        has_text = any(path or not block["hidden"] for page in said["pages"] for block in page["blocks"])
        was_asked = said.get("scans") or said.get("pictures")
        if was_asked and not (has_text or said["attached"] or said["unread"]):
            codes = [_STOPPED[found.stopped] for found in tried if found.stopped]
            codes += [code for found in tried for code in found.failed.values()]
            raise UnreadableDocument(codes[0] if codes else "no_words" if path else "no_text")

    def _read_scans(self, said: dict[str, Any], kind: Format, content: bytes) -> Recognised:
        asked = sorted({page_number(number) for number in said.get("scans", ())})
        found = self._recognise(asked, partial(self._ask_scan, content, {"kind": kind}))
        _take_blocks(said, found)
        said["warnings"] += found.warnings_of_pages()
        return found

    def _read_plates(self, said: dict[str, Any], content: bytes) -> Recognised:
        """Read the pictures on pages that have text as well."""
        given = {page_number(number): is_large is True for number, is_large in said.get("figures", ())}
        found = self._recognise_pictures(sorted(given), partial(self._ask_picture, content, {"kind": "plates"}))
        _take_blocks(said, found)
        if found.stopped == "needs_ocr":
            said["warnings"] += [UNREAD_WITHOUT_OCR[is_large] for is_large in set(given.values())]
        else:
            said["warnings"] += [code for code in found.warnings_of_pages() if code != "pages_without_text"]
        return found

    def _recognise(self, asked: Sequence[int], ask_again: Ask, left: Left = lambda: math.inf) -> Recognised:
        if not asked:
            return Recognised()
        begun, wanted = time.monotonic(), self.limits.recognition
        found = recognise_scans(
            asked, ask_again, replace(wanted, seconds=wanted.seconds - self.recognised_seconds), left
        )
        spent = time.monotonic() - begun
        self.recognised_seconds += int(spent)
        self.begun += spent  # it has limits of its own
        return found

    def _recognise_pictures(self, asked: Sequence[int], ask_again: Ask) -> Recognised:
        return self._recognise(asked, ask_again, lambda: self.limits.recognition.picture_seconds - self.picture_seconds)

    def _ask_scan(
        self, content: bytes, more: dict[str, object], options: dict[str, object], cpu: int, wall: float
    ) -> dict[str, Any]:
        return ask_child("scan", content, replace(self.limits, cpu_seconds=cpu, wall_seconds=wall), options | more)

    def _ask_picture(
        self, content: bytes, more: dict[str, object], options: dict[str, object], cpu: int, wall: float
    ) -> dict[str, Any]:
        def spend(seconds: float) -> None:
            self.picture_seconds += seconds

        limits = replace(self.limits, cpu_seconds=cpu, wall_seconds=wall)
        return ask_child("scan", content, limits, options | more, spend=spend)

    def _allowance(self) -> tuple[int, float]:
        limits, share = self.limits, self.limits.uploads_share
        cpu = min(limits.cpu_seconds, int(share * limits.cpu_seconds - self.cpu_seconds))
        wall = min(limits.wall_seconds, share * limits.wall_seconds - (time.monotonic() - self.begun))
        if cpu < 1 or wall <= 0:
            raise UnreadableDocument("time_limit")
        return cpu, wall

    def _take(self, parsed: Parsed, path: tuple[str, ...]) -> None:
        pages = _under(INSIDE.join(path), parsed) if path else parsed.pages
        self.characters += sum(len(block.text) for page in pages for block in page.blocks)
        self.blocks += sum(len(page.blocks) for page in pages)
        if self.characters > self.limits.characters or self.blocks > MOST_BLOCKS:
            raise UnreadableDocument("too_much_text")
        self.pages += pages
        self.warnings.update(parsed.warnings)
        self.layers &= frozenset(parsed.confinement)
        for missed in parsed.unread:
            self._miss((*path, missed.name) if missed.name else path, missed.code)

    def _read_inside(self, answer: Answer, path: tuple[str, ...]) -> None:
        for name, content in answer.files():
            inner = (*path, clean_text(name)[:200])
            self.files, self.file_bytes = self.files + 1, self.file_bytes + len(content)
            try:
                if is_blank(content):
                    raise UnreadableDocument("no_words")  # noqa: TRY301 - told with what else can go wrong inside
                if len(inner) > self.limits.depth:
                    raise UnreadableDocument("too_deep")  # noqa: TRY301 - as above
                if self.files > self.limits.files or self.file_bytes > self.limits.file_bytes:
                    raise UnreadableDocument("too_many_files")  # noqa: TRY301 - as above
                self.read(content, name, inner)
            except UnreadableDocument as unreadable:
                if unreadable.code in _NOTHING_THERE:
                    self.pages.append(_unseen(INSIDE.join(inner)))  # its name is checked all the same
                else:
                    self._miss(inner, unreadable.code)

    def _miss(self, path: tuple[str, ...], code: str) -> None:
        if len(self.unread) < MOST_UNREAD:
            self.unread.append(Unread(INSIDE.join(path)[-600:], code))
        elif self.unread[-1].code != "more_unread":
            self.unread.append(Unread("", "more_unread"))


def _take_blocks(said: dict[str, Any], found: Recognised) -> None:
    for page in said["pages"]:
        page["blocks"] += found.blocks.get(page["number"], [])


_STOPPED = {"needs_ocr": "needs_ocr", "ocr_stopped": "time_limit"}  # what is said of a file of which nothing was read
# A file inside that was looked at whole, and in which nothing is written.
_NOTHING_THERE = frozenset({"no_words"})


def ask_child(
    kind: str, content: bytes, limits: Limits, options: Mapping[str, object],
    *, spend: Callable[[float], None] = lambda _seconds: None,
) -> dict[str, Any]:  # fmt: skip
    """Let a confined process work on the content; return what it says, unchecked. Raises UnreadableDocument.

    `spend` is told its processor seconds, however it ends.
    """
    try:
        with ask(
            kind,
            content,
            cpu_seconds=limits.cpu_seconds,
            memory_bytes=limits.memory_bytes,
            wall_seconds=limits.wall_seconds,
            options=options,
        ) as answer:
            said, spent = answer.said, answer.cpu_seconds
    except UnreadableDocument as unreadable:
        spend(unreadable.cpu_seconds)
        raise
    spend(spent)
    if "refused" in said:
        raise UnreadableDocument(str(said["refused"]))
    return said


def _raise_refusal(answer: Answer, kind: Format, path: tuple[str, ...]) -> None:
    if "refused" in answer.said:
        code = str(answer.said["refused"])
        raise UnreadableDocument("no_words" if path and code == "no_text" and kind in WRITTEN else code)


def _under(name: str, inside: Parsed) -> list[Page]:
    """Put a file's pages under its name: they have no number in the document, and their headings are lower."""
    head = Page(None, (Block("heading", name, 1, None),)) if inside.has_text else _unseen(name)
    pages = [Page(None, tuple(block.lowered() for block in page.blocks)) for page in inside.pages if page.blocks]
    return [head, _unseen(inside.title), *pages]


def _unseen(text: str) -> Page:
    return Page(None, (Block("paragraph", text, 0, "metadata"),))
