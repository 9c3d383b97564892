"""python -m parser KIND CPU_SECONDS MEMORY_BYTES PARENT OPTIONS: content on standard input, the answer on standard output."""

import codecs
import encodings
import importlib
import json
import pkgutil
import re
import sys

from .blocks import Unreadable, framed
from .confinement import NotConfined, confine, limit
from .encoded import take_files

READERS = {
    "compound": ".compound",
    "html": ".html",
    "mail": ".mail",
    "markdown": ".plain",
    "package": ".package",
    "pdf": ".pdf",
    "rtf": ".rtf",
    "tables": ".written",
    "text": ".written",
    "xml": ".xml",
}
READERS |= dict.fromkeys(("bmp", "gif", "jpeg", "png", "tiff", "webp"), ".pictures")
# Not kinds of documents but work on them, with options: text recognition, and drawing a page.
_WORK = {"scan": ".recognition", "page": ".drawing"}
READERS |= _WORK
_WRITTEN = frozenset({"html", "markdown", "tables", "text", "xml"})
# What these hold is written in pdfium's own encoding, or in none.
_ONE_ENCODING = frozenset({"pdf", *_WORK, *(kind for kind, reader in READERS.items() if reader == ".pictures")})
_ALWAYS = ("cp1252", "utf-16-be", "utf-16-le")  # what words in bytes are looked for in
_TELLS_OF_AN_ENCODING = re.compile(rb"charset|encoding|[\x00\x1b]", re.IGNORECASE)


def main(kind: str, cpu_seconds: int, memory_bytes: int, parent: int, options: str) -> None:
    """Read, confine, parse, print. Whatever goes wrong is printed as {"refused": code}."""
    limit(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes)
    try:
        content = sys.stdin.buffer.read()
        for name in _ALWAYS:
            codecs.lookup(name)
        if kind not in _ONE_ENCODING and (kind not in _WRITTEN or not is_plain(content)):
            load_codecs()
        reader = importlib.import_module(READERS[kind], __package__)
        # What must be loaded from files, or told, before they are out of reach.
        read = reader.prepare(json.loads(options)) if hasattr(reader, "prepare") else reader.read
        layers = confine(parent)
        output = read(content, kind)
        answer = (output if kind in _WORK else take_files(output)).as_bytes(layers)
    except Unreadable as error:
        answer = framed({"refused": error.code})
    except NotConfined:
        answer = framed({"refused": "not_confined"})
    except MemoryError:
        answer = framed({"refused": "memory_limit"})
    except RecursionError:
        answer = framed({"refused": "too_deep"})
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()


def is_plain(content: bytes) -> bool:
    """Say whether a text is UTF-8 and claims nothing else: then no other encoding is asked for."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return not content.startswith(codecs.BOM_UTF8) and not _TELLS_OF_AN_ENCODING.search(content)


def load_codecs() -> None:
    """Load every encoding that Python knows: it looks them up in files, and no file opens after confinement."""
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            codecs.lookup(module.name)
        except LookupError:
            continue  # not an encoding, or one of Windows alone


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
