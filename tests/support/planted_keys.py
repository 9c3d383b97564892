"""Keys and secrets that were planted, and the search for them wherever a product writes, in every form that one may have."""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote, quote_from_bytes

LEAST = 8
"""Bytes of a form without which a find would be chance."""


class Planted:
    """Secrets by name, as bytes."""

    def __init__(self) -> None:
        self.secrets: dict[str, bytes] = {}

    def plant(self, name: str, *secrets: str | bytes | bytearray) -> None:
        """Remember secrets of one kind."""
        for secret in secrets:
            content = secret.encode() if isinstance(secret, str) else bytes(secret)
            assert len(content) >= LEAST, name
            self.secrets[f"{name} {len(self.secrets)}"] = content

    def found_in(self, content: bytes | str) -> set[str]:
        """Return the names of the secrets that stand in something, in whichever form."""
        said = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        return {name for name, secret in self.secrets.items() if any(form in said for form in forms(secret))}

    def found_under(self, *paths: Path) -> dict[str, set[str]]:
        """Return the names by the file that they were found in; directories are searched to their ends."""
        patterns = {_printable(form) for secret in self.secrets.values() for form in forms(secret)}
        with tempfile.NamedTemporaryFile(dir="/var/tmp") as file:  # not where it searches
            file.write(b"\n".join(sorted(patterns)) + b"\n")
            file.flush()
            searched = subprocess.run(
                [shutil.which("grep") or "grep", "--recursive", "--text", "--fixed-strings", "--files-with-matches", f"--file={file.name}", *map(str, paths)],
                capture_output=True, check=False, env={"LC_ALL": "C"},
            )  # fmt: skip
        assert searched.returncode in {0, 1}, searched.stderr.decode()
        hits = [Path(line) for line in searched.stdout.decode().splitlines()]
        return {str(path): self.found_in(path.read_bytes()) or {"part of one"} for path in hits}


def forms(secret: bytes) -> Iterator[bytes]:
    """Yield how a secret may be written: raw, in hex, base64 at each alignment, as a URL, as JSON, as Python or Postgres show it."""
    yield secret
    yield secret.hex().encode()
    yield secret.hex().upper().encode()
    for before in range(3):
        whole = base64.b64encode(bytes(before) + secret)
        inner = whole[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        yield inner
        yield inner.translate(bytes.maketrans(b"+/", b"-_"))
    yield base64.b32encode(secret).rstrip(b"=")
    yield quote_from_bytes(secret, safe="").encode()
    yield "".join(f"%{byte:02x}" for byte in secret).encode()
    yield json.dumps(secret.decode("latin-1"))[1:-1].encode()
    yield repr(secret)[2:-1].encode()
    yield b"".join(bytes([byte]) if 32 <= byte < 127 else b"\\%03o" % byte for byte in secret)
    text = _text(secret)
    if text is not None:
        yield quote(text, safe="").encode()
        yield quote(text).replace("%20", "+").encode()
        yield json.dumps(text)[1:-1].encode()


def _text(secret: bytes) -> str | None:
    try:
        return secret.decode()
    except UnicodeDecodeError:
        return None


def _printable(form: bytes) -> bytes:
    """Return the longest part of a form that a line of patterns can hold."""
    parts: Iterable[bytes] = (part for line in form.split(b"\n") for part in line.split(b"\0"))
    longest = max(parts, key=len)
    assert len(longest) >= LEAST
    return longest
