"""python -m parser KIND CPU_SECONDS MEMORY_BYTES PARENT OPTIONS: content on standard input, JSON on standard output."""

import codecs
import importlib
import json
import sys

from .blocks import Unreadable
from .confinement import NotConfined, confine, limit

# Loaded before confinement: Python looks codecs up in files, and no file opens after it.
CODECS = (
    "cp437",
    "cp1252",
    "latin-1",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "utf-32",
    "utf-32-le",
    "utf-32-be",
)
READERS = {"pdf": ".pdf", "docx": ".docx", "html": ".html", "markdown": ".plain", "text": ".plain"}
READERS |= dict.fromkeys(("bmp", "gif", "jpeg", "png", "tiff", "webp"), ".pictures")
# Not kinds of documents but work on them, with options: text recognition, and drawing a page.
READERS |= {"scan": ".recognition", "page": ".drawing"}


def main(kind: str, cpu_seconds: int, memory_bytes: int, parent: int, options: str) -> None:
    """Read, confine, parse, print. Whatever goes wrong is printed as {"refused": code}."""
    limit(cpu_seconds=cpu_seconds, memory_bytes=memory_bytes)
    try:
        content = sys.stdin.buffer.read()
        for name in CODECS:
            codecs.lookup(name)
        reader = importlib.import_module(READERS[kind], __package__)
        # What must be loaded from files, or told, before they are out of reach.
        read = reader.prepare(json.loads(options)) if hasattr(reader, "prepare") else reader.read
        layers = confine(parent)
        answer = read(content, kind).as_json(layers)
    except Unreadable as error:
        answer = json.dumps({"refused": error.code})
    except NotConfined:
        answer = json.dumps({"refused": "not_confined"})
    except MemoryError:
        answer = json.dumps({"refused": "memory_limit"})
    except RecursionError:
        answer = json.dumps({"refused": "too_deep"})
    sys.stdout.buffer.write(answer.encode())
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
