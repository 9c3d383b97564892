"""Pictures that stand in a document: read by text recognition, each once, and their text put where they stand.

What a picture says is marked as such, and is text like any other after that: checked, searched and cited.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from appliance.knowledge.child import Answer, Picture
from appliance.knowledge.formats import PICTURES
from appliance.knowledge.scans import Ask, Recognised

PICTURE = "picture"
PICTURE_TEXT = "Picture: {text}"
# By whether a picture is large. A logo in every letter must not hold every letter back; what may be a page or a card must.
UNREAD_WITHOUT_OCR = {True: "pictures_need_ocr", False: "small_pictures"}
Recognise = Callable[[Sequence[int], Ask], Recognised]
# (content, more options, options, processor seconds, seconds) -> answer
AskChild = Callable[[bytes, dict[str, object], dict[str, object], int, float], dict[str, Any]]


def read_pictures(answer: Answer, known: dict[bytes, str], recognise: Recognise, ask_child: AskChild) -> Recognised:
    """Put into the answer what its pictures say. `known` are the texts of pictures of this upload, by their digests."""
    said, pictures = answer.said, answer.pictures()
    wanted = sorted({_number(block, pictures) for page in said["pages"] for block in page["blocks"] if _is_one(block)})
    digests = {number: hashlib.sha256(answer.content_of(pictures[number])).digest() for number in wanted}
    found = Recognised()
    if fresh := [number for number in wanted if digests[number] not in known]:

        def ask(options: dict[str, Any], cpu_seconds: int, wall_seconds: float) -> dict[str, Any]:
            some = [pictures[number] for number in options["pages"]]
            sizes = [(one.kind, one.size) for one in some]
            content = b"".join(answer.content_of(one) for one in some)
            return ask_child(content, {"kind": "pictures", "pictures": sizes}, options, cpu_seconds, wall_seconds)

        found = recognise(fresh, ask)
        known |= {
            digests[number]: _text(blocks) for number, blocks in found.blocks.items() if number not in found.failed
        }
    texts = {number: known[digests[number]] for number in wanted if digests[number] in known}
    _place(said["pages"], texts)
    _tell(
        said,
        [pictures[number] for number in wanted if number not in texts and number not in found.failed],
        found.stopped,
    )
    if found.is_damaged:
        said["warnings"].append("pages_unreadable")
    said["unread"] += [{"name": pictures[number].name, "code": code} for number, code in found.failed.items()]
    return found


def _is_one(block: dict[str, Any]) -> bool:
    return bool(block["kind"] == PICTURE)


def _number(block: dict[str, Any], pictures: Sequence[Picture]) -> int:
    number = block["picture"]
    if not isinstance(number, int) or not 0 <= number < len(pictures) or pictures[number].kind not in PICTURES:
        raise ValueError("not a picture that is there")
    return number


def _text(blocks: Sequence[dict[str, Any]]) -> str:
    return "\n".join(str(block["text"]) for block in blocks)


def _place(pages: Sequence[dict[str, Any]], texts: dict[int, str]) -> None:
    """Put each text where its picture is first seen; where it is nowhere seen, at its first place."""
    blocks = [block for page in pages for block in page["blocks"] if _is_one(block)]
    first: dict[int, int] = {}
    for block in sorted(blocks, key=lambda block: block["hidden"] is not None):
        first.setdefault(block["picture"], id(block))
    kept = set(first.values())
    for page in pages:
        page["blocks"] = [
            _written(block, texts) if _is_one(block) else block
            for block in page["blocks"]
            if not _is_one(block) or (id(block) in kept and texts.get(block["picture"]))
        ]


def _written(block: dict[str, Any], texts: dict[int, str]) -> dict[str, Any]:
    text = PICTURE_TEXT.format(text=texts[block["picture"]])
    return {"kind": "paragraph", "text": text, "level": 0, "hidden": block["hidden"]}


def _tell(said: dict[str, Any], left: Sequence[Picture], stopped: str) -> None:
    if stopped == "needs_ocr":
        sizes = {one.is_large for one in left}
        said["warnings"] += [code for is_large, code in UNREAD_WITHOUT_OCR.items() if is_large in sizes]
    elif left:
        said["warnings"].append(stopped)
