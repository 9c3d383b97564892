"""Documents that are read on their way past, to be looked at and not to be kept: what programs send along with a call.

They are read as uploads are, in the same confinement, within fewer seconds. Scanned pages and pictures within them are recognised
only as far as that goes; what is left out makes a document one that was not read as a whole.
"""

from collections.abc import Iterator
from typing import Final

from appliance.gateway import Reading
from appliance.knowledge.parsed import Parsed
from appliance.knowledge.parsing import Limits, parse
from appliance.knowledge.scans import Recognition
from appliance.knowledge.unreadable import UnreadableDocument

_MEMORY: Final = 700_000_000
_FILES, _FILE_BYTES, _CHARACTERS = 50, 50_000_000, 2_000_000


def glance(content: bytes, seconds: float, *, languages: str = "deu+eng") -> Reading:
    """Return what a document says, and whether that is all of it. Of one that cannot be read, nothing."""
    share = max(1, int(seconds / 2))
    limits = Limits(
        cpu_seconds=share, wall_seconds=seconds, memory_bytes=_MEMORY, uploads_share=1, files=_FILES, file_bytes=_FILE_BYTES,
        characters=_CHARACTERS, recognition=Recognition(languages, share, share, share),
    )  # fmt: skip
    try:
        parsed = parse(content, file_name="attached", limits=limits)
    except UnreadableDocument:
        return Reading()
    return Reading("\n".join(_said(parsed)), parsed.is_whole)


def _said(parsed: Parsed) -> Iterator[str]:
    yield parsed.title
    for page in parsed.pages:
        yield from (block.text for block in page.blocks)
