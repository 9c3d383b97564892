"""What a compound file is ([MS-CFB]): an Outlook message, an encrypted document, or an old office document."""

import io
from collections.abc import Callable, Sequence

import olefile

from . import doc, msg, workbook
from .archive import words
from .blips import show_pictures
from .blocks import METADATA, Output, Page, Unreadable
from .embedded import attach_storage

_SIGNS_OF_A_MESSAGE = "__properties_version1.0"
_STREAM_BYTES = 150_000_000
_LOCKS = ("EncryptedPackage", "\x06DataSpaces")


def read(content: bytes, kind: str) -> Output:
    """Return what is inside. Raises Unreadable for what is encrypted, damaged or nothing that is read here."""
    try:
        file = olefile.OleFileIO(io.BytesIO(content))
        is_locked = any(file.exists(lock) for lock in _LOCKS)
        is_message = file.exists(_SIGNS_OF_A_MESSAGE)
        is_document = file.exists("WordDocument")
        is_workbook = file.exists("Workbook") or file.exists("Book")
    except (OSError, ValueError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable("damaged") from error
    if is_locked:
        raise Unreadable("encrypted")
    if is_workbook:
        output = workbook.read(content, kind)
        show_pictures(file, output, output.pages[-1])
        attach_objects(file, output)
        take_words(file, output, output.pages[-1])
        if file.exists("_VBA_PROJECT_CUR"):
            output.warn("macros")
        return output
    if not (is_message or is_document):
        raise Unreadable("unsupported")
    try:
        output = msg.read(file) if is_message else doc.read(file)
        take_words(file, output, output.pages[-1], is_told=msg.is_told if is_message else doc.is_told)
    except (OSError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable("damaged") from error
    return output


def attach_objects(file: olefile.OleFileIO, output: Output) -> None:
    """Hand over what is embedded in a workbook."""
    for way in file.listdir(streams=False, storages=True):
        if len(way) == 1 and way[0].startswith("MBD"):
            attach_storage(output, file, way, None, name=f"object {way[0]}")


def take_words(
    file: olefile.OleFileIO,
    output: Output,
    page: Page,
    *,
    is_told: Callable[[Sequence[str]], bool] = lambda _way: False,
) -> None:
    """Check the words in every stream that its reader does not read: comments of sheets, properties, drawings."""
    for way in file.listdir():
        if not is_told(way):
            said = words(file.openstream(way).read(_STREAM_BYTES))
            output.add(page, "paragraph", said, hidden=METADATA)
