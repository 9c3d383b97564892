"""Files that are handed out: whole, or the part that is asked for."""

from pathlib import Path

from flask import request
from werkzeug.wrappers import Response

from appliance.kernel.pieces import Pieces


def handed_out(path: Path, *, name: str, media: str, digest: str) -> Response:
    """Return a file as a download; one that was cut off goes on where it was (HTTP Range, with the digest as ETag)."""
    size = path.stat().st_size
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    response = Response(Pieces(path), content_type=media, headers=headers)
    response.set_etag(digest)
    response.make_conditional(request, accept_ranges=True, complete_length=size)
    return response
