"""What a ZIP archive is: an office document, a book, or files. Its directory tells, and nothing else in it is believed."""

import io
import zipfile
from collections.abc import Callable

from . import archive, docx, epub, odf, pptx, properties, workbook, xlsx
from .blocks import Output, Page, Unreadable
from .inlaid import Shown
from .ledger import has_more
from .parts import Parts
from .sweep import take_rest

_NOT_A_DOCUMENT = frozenset({"[Content_Types].xml", "mimetype"})
# The part that makes a package a document of its kind, where the package does not say it itself.
_MAIN = {
    "word/document.xml": "docx",
    "xl/workbook.xml": "xlsx",
    "xl/workbook.bin": "xlsb",
    "ppt/presentation.xml": "pptx",
}
_READERS: dict[str, Callable[[Parts, str, Output, Shown], None]] = {
    "docx": docx.read,
    "xlsx": xlsx.read,
    "pptx": pptx.read,
}
_FOLDERS = {"docx": "word", "xlsx": "xl", "pptx": "ppt", "xlsb": "xl"}
_ODF = "application/vnd.oasis.opendocument."


def read(content: bytes, kind: str) -> Output:
    """Return what is inside. Raises Unreadable for what is no archive, or a document that nothing here reads."""
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
        names = set(package.namelist())
    except (zipfile.BadZipFile, NotImplementedError, IndexError, ValueError, OSError) as error:
        raise Unreadable("damaged") from error
    if "EncryptedPackage" in names:
        raise Unreadable("encrypted")
    output = _read(package, names, content, kind)
    if has_more(content, package):
        output.miss("", "damaged")
    return output


def _read(package: zipfile.ZipFile, names: set[str], content: bytes, kind: str) -> Output:
    if "mimetype" in names:
        written = Parts(package).read("mimetype")[:100].decode("ascii", "replace").strip()
        if written == "application/epub+zip":
            return epub.read(Parts(package))
        if written.startswith(_ODF):
            return odf.read(Parts(package), written.removeprefix(_ODF))
    if "META-INF/container.xml" in names:
        return epub.read(Parts(package))
    if not names & (_MAIN.keys() | _NOT_A_DOCUMENT):
        return archive.read(package)
    return _read_office(Parts(package), content, kind)


def _read_office(parts: Parts, content: bytes, kind: str) -> Output:
    main, found = _main(parts)
    output = Output(format=found)
    shown = Shown(parts, output)
    if found == "xlsb":
        output = workbook.read(content, kind)
        shown = Shown(parts, output)
    else:
        _READERS[found](parts, main, output, shown)
    folder = _FOLDERS[found]
    if not output.pages:
        output.pages.append(Page(None))
    properties.write(parts, output, output.pages[-1])
    parts.attach(output, (f"{folder}/embeddings/", f"{folder}/afchunk"))
    media = [name for name in parts.names if name.startswith(f"{folder}/media/")]
    has_objects = any(name.startswith(f"{folder}/embeddings/") for name in parts.names)
    shown.show_rest(output.pages[-1], media, has_objects=has_objects)
    take_rest(parts, output, output.pages[-1], shown, is_binary=found == "xlsb")
    if any(name.endswith("vbaProject.bin") for name in parts.names):
        output.warn("macros")
    return output


def _main(parts: Parts) -> tuple[str, str]:
    """Return the part that is the document, and its format. Some programs give it a name of their own."""
    for name, found in _MAIN.items():
        if name in parts.names:
            return name, found
    for relation in parts.relations("").values():
        if relation.kind == "officeDocument":
            for name, found in _MAIN.items():
                folder, _, ending = name.partition("/")
                if relation.target.startswith(f"{folder}/") and relation.target.endswith(ending[-4:]):
                    return relation.target, found
    raise Unreadable("unsupported")
