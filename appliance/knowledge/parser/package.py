"""What a ZIP archive is: an office document, or files. Its directory tells, and nothing else in it is believed."""

import io
import zipfile

from . import archive, docx
from .blocks import Output, Unreadable

_OFFICE = frozenset({"[Content_Types].xml", "mimetype", "xl/workbook.xml", "ppt/presentation.xml", "EncryptedPackage"})


def read(content: bytes, kind: str) -> Output:
    """Return what is inside. Raises Unreadable for what is no archive, or a document that nothing here reads."""
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
    except (zipfile.BadZipFile, NotImplementedError, IndexError, ValueError, OSError) as error:
        raise Unreadable("damaged") from error
    names = set(package.namelist())
    if "word/document.xml" in names:
        output = docx.read(content, kind)
        output.format = "docx"
        return output
    if _OFFICE & names:
        raise Unreadable("encrypted" if "EncryptedPackage" in names else "unsupported")
    return archive.read(package)
