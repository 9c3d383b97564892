"""Text recognition (OCR) of scanned pages and pictures by Debian's tesseract, a few of them to a confined process.

Recognition costs seconds a page, so it has limits of its own: processor time for each page, time for the document. A
page that cannot be recognised within them is left out and said to be; the others are read. A picture counts as a page.
"""

import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.knowledge.unreadable import UnreadableDocument

_PAGES_A_PROCESS = 6  # starting takes about 0.4 processor seconds, a page one to eight
_START_SECONDS = 5
_SPARE = 3.0  # wall-clock seconds for each processor second: the host has other work
_TESSDATA = ("/usr/share/tesseract-ocr/5/tessdata", "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata")
_NO_LANGUAGES = {"osd", "equ"}
INSTALL = "apt-get install tesseract-ocr tesseract-ocr-deu"


@dataclass(frozen=True)
class Recognition:
    """Languages as tesseract writes them, processor seconds of a page, and seconds of a document.

    `picture_seconds` are processor seconds for all pictures that stand in the documents of an upload.
    """

    languages: str = "deu+eng"
    page_seconds: int = 30
    seconds: int = 1_800
    picture_seconds: int = 45


STANDARD = Recognition()


@dataclass
class Recognised:
    """What was found, unchecked: blocks by page number; of what was tried and not read, why; and what stopped it all.

    `stopped` is "needs_ocr" or "ocr_stopped", or "" if every page had its turn.
    """

    blocks: dict[int, list[Any]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    stopped: str = ""
    is_damaged: bool = False

    def warnings_of_pages(self) -> list[str]:
        """Return what is said of a document whose pages these were."""
        said = {
            self.stopped: bool(self.stopped),
            "pages_unreadable": self.is_damaged or bool(self.failed),
            "pages_without_text": not all(self.blocks.values()),
        }
        return [code for code, is_so in said.items() if is_so]


Ask = Callable[[dict[str, object], int, float], dict[str, Any]]  # (options, processor seconds, seconds) -> answer
Left = Callable[[], float]  # processor seconds that are left


def tessdata() -> Path | None:
    """Return the directory of tesseract's languages, or None where it is not installed."""
    given = os.environ.get("TESSDATA_PREFIX")
    found = (Path(place) for place in (given, *_TESSDATA) if place)
    return next((place for place in found if any(place.glob("*.traineddata"))), None)


def installed_languages() -> tuple[str, ...]:
    """Return the languages that are installed, by tesseract's names."""
    place = tessdata()
    names = {path.name.removesuffix(".traineddata") for path in place.glob("*.traineddata")} if place else set()
    return tuple(sorted(names - _NO_LANGUAGES))


def chosen_languages(wanted: str) -> str:
    """Return which of the wanted languages are installed; if none of them is, the first that are."""
    installed = installed_languages()
    found = [name for name in wanted.split("+") if name in installed]
    return "+".join(found or installed[:2])


def recognise(pages: Sequence[int], ask: Ask, wanted: Recognition, left: Left = lambda: math.inf) -> Recognised:
    """Read scanned pages. Never raises for a page: what is not read is told."""
    found = Recognised()
    languages = chosen_languages(wanted.languages)
    if not languages:
        found.stopped = "needs_ocr"
        return found
    options: dict[str, object] = {"languages": languages, "tessdata": str(tessdata())}
    waiting = deque(pages[start : start + _PAGES_A_PROCESS] for start in range(0, len(pages), _PAGES_A_PROCESS))
    ends = time.monotonic() + wanted.seconds
    while waiting:
        if time.monotonic() > ends or left() < 1:
            found.stopped = "ocr_stopped"
            break
        some = waiting.popleft()
        seconds = int(min(_START_SECONDS + wanted.page_seconds * len(some), max(left(), _START_SECONDS)))
        try:
            answer = ask(options | {"pages": list(some)}, seconds, _SPARE * seconds)
        except UnreadableDocument as refused:
            if refused.code in {"needs_ocr", "not_confined"}:
                found.stopped = "needs_ocr"
                break
            if len(some) > 1:
                waiting.extendleft([page] for page in reversed(some))
            else:
                found.failed[some[0]] = refused.code
            continue
        _take(found, some, answer)
    return found


def _take(found: Recognised, asked: Sequence[int], answer: dict[str, Any]) -> None:
    told = set()
    for page in answer["pages"]:
        if page["number"] in asked:
            told.add(page["number"])
            found.blocks[page["number"]] = page["blocks"]
    for part in answer["unread"]:
        if part["name"].isdigit() and int(part["name"]) in asked:
            found.failed[int(part["name"])] = part["code"]
    found.failed |= {number: "damaged" for number in asked if number not in told and number not in found.failed}
    found.is_damaged |= "pages_unreadable" in answer["warnings"]
