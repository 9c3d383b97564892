"""python -m appliance.worker.indexes: one round over what only the tables' owner may do.

Indexes of large organisations, and wiping where conversations stood before they were sealed.

A process of its own beside the worker: it signs in as the migrator, which the worker that reads people's documents
never does. It ends with the worker.
"""

import asyncio
import contextlib
import sys

from appliance.assembly import database_url, starting
from appliance.kernel import log
from appliance.ops.plain_text import wipe
from appliance.ops.supervisor import stop_with_parent
from appliance.ops.vector_indexes import tend
from appliance.settings import load


async def round_of_its_own() -> None:
    """Start the process and wait for its end; it says for itself what it did."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "appliance.worker.indexes")
    try:
        await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        raise


def main() -> None:
    """Build and drop what has to be."""
    stop_with_parent()
    with starting("index round", status=1):
        settings = load()
        log.configure(format=settings.log_format, level=settings.log_level)
        url = database_url(settings, "migrator")
    done = tend(url, threshold=settings.large_organisation_passages)
    if done.built or done.dropped:
        log.logger("worker").info("indexes_tended", built=list(done.built), dropped=list(done.dropped))
    wiped = wipe(url)
    if wiped.rewritten or wiped.in_use:
        log.logger("worker").info("plain_text_wiped", tables=list(wiped.rewritten), in_use=list(wiped.in_use))


if __name__ == "__main__":
    main()
