"""What a compound file is ([MS-CFB]): an Outlook message, an encrypted document, or an old office document."""

import io

import olefile

from . import doc, msg, workbook
from .blips import show_pictures
from .blocks import Output, Unreadable

_SIGNS_OF_A_MESSAGE = "__properties_version1.0"
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
        if file.exists("_VBA_PROJECT_CUR"):
            output.warn("macros")
        return output
    if not (is_message or is_document):
        raise Unreadable("unsupported")
    try:
        return msg.read(file) if is_message else doc.read(file)
    except (OSError, IndexError, TypeError, AttributeError) as error:
        raise Unreadable("damaged") from error
