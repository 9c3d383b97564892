"""Our own style sheet, scripts and drawing: read once, served from memory, kept by browsers for a year.

The address carries the file's digest, so that a new version has a new address. These files are compressed and pages are
not: a page holds secrets beside what an address put into it (decision 0009).
"""

import gzip
import hashlib
from dataclasses import dataclass
from mimetypes import guess_type
from pathlib import Path

from flask import Flask, Response, abort, request, url_for

_YEAR = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=3600"


@dataclass(frozen=True)
class Asset:
    """A file, as it is and compressed."""

    digest: str
    media_type: str
    plain: bytes
    packed: bytes


def install(app: Flask, directory: Path) -> None:
    """Read the files; give templates `asset(name)`, and the site their addresses."""
    files = {path.name: _read(path) for path in directory.iterdir()}

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=files[name].digest)

    def static(filename: str) -> Response:
        return _answer(files[filename]) if filename in files else abort(404)

    app.jinja_env.globals.update(asset=asset)
    app.add_url_rule("/static/<filename>", "static", static)


def _read(path: Path) -> Asset:
    plain = path.read_bytes()
    packed = gzip.compress(plain, mtime=0)
    return Asset(hashlib.sha256(plain).hexdigest()[:12], guess_type(path.name)[0] or "text/plain", plain, packed)


def _answer(asset: Asset) -> Response:
    is_packed = len(asset.packed) < len(asset.plain) and request.accept_encodings["gzip"] > 0
    response = Response(asset.packed if is_packed else asset.plain, mimetype=asset.media_type)
    response.headers["Cache-Control"] = _YEAR if request.args.get("v") == asset.digest else _SHORT
    response.headers["Vary"] = "Accept-Encoding"
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(
        f"{asset.digest}-gzip" if is_packed else asset.digest
    )  # two representations, two tags (RFC 9110 8.8.3.3)
    response.make_conditional(request)
    return response
