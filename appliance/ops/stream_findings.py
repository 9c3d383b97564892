"""What `appliance doctor` says of the streams of the audit log."""

from typing import Final

from appliance.audit.sinks import BEHIND
from appliance.ops.preflight import Finding, Level

STREAMS: Final = """SELECT streams, failing, extract(epoch FROM now() - oldest_at)::float, letters FROM cloister.stream_sums()"""
_REMEDY: Final = "`appliance sink list` says which and why, with --in platform for the operator's; nothing is lost, it waits in the log."


def judge_streams(streams: int, failing: int, lag: float | None, letters: int) -> Finding | None:
    """Judge how far the streams are, in numbers; None where there are none."""
    if not streams:
        return None
    if lag is not None and lag > BEHIND.total_seconds():
        return Finding("streams", Level.FAIL, f"behind for {lag / 3600:.1f} hours; failing: {failing} of {streams}", _REMEDY)
    if failing:
        return Finding("streams", Level.WARN, f"failing: {failing} of {streams}", _REMEDY)
    if letters:
        remedy = "`appliance sink letters SINK_ID` says why; send them again, or drop them."
        return Finding("streams", Level.WARN, f"entries that the other side did not take: {letters}", remedy)
    return Finding("streams", Level.OK, f"{streams}, up to date")
