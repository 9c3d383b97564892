"""What a thousand streams at once hold in the gateway's process: the part of the bench of the gateway that needs no peers.

`make bench ONLY=streams`. It is not among the suites that run when none is named, since `gateway` measures the same.
"""

import contextlib
import tempfile
from pathlib import Path

from appliance.kernel import log
from tests.bench.gateway import Result, cloister, held_by_streams
from tests.bench.gateways import provider


def run() -> list[Result]:
    """Start ours in front of the provider, and measure."""
    log.configure(level="WARNING")
    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as stack:
        directory = Path(scratch)
        behind = stack.enter_context(provider(directory))
        return held_by_streams(stack.enter_context(cloister(directory, behind.port)))
