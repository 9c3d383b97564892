"""What is counted of requests: names, methods and numbers, never content."""

from datetime import datetime
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable

if TYPE_CHECKING:  # the gateway counts requests, and needs nothing of streams and alarms
    from appliance.audit.sinks import Sums
    from appliance.audit.watching import AlarmKind

requests = Counter("cloister_http_requests_total", "Requests answered", ["endpoint", "method", "status"])
duration = Histogram("cloister_http_request_seconds", "Seconds to the first byte of an answer", ["endpoint"])
seals = Counter("cloister_seal_failures_total", "Sealed values that did not open, or could not be sealed", ["kind"])
for _kind in (IntegrityError, KeyDestroyed, KeyUnavailable):
    seals.labels(_kind.code)  # 0, not absent: an alarm compares with it
streams = Gauge("cloister_streams", "Streams of the audit log")
streams_failing = Gauge("cloister_streams_failing", "Streams whose last try failed")
streams_waiting = Gauge("cloister_streams_waiting", "Entries of the audit log that streams have not sent yet")
streams_lag = Gauge("cloister_streams_lag_seconds", "Seconds for which the oldest of them has waited")
streams_letters = Gauge("cloister_streams_letters", "Entries that streams left out and nobody decided on")


alarms = Gauge("cloister_log_alarms", "Logs with which something is wrong, by what it is", ["kind"])


def note_alarms(found: "dict[AlarmKind, int]") -> None:
    """Set with how many logs something is wrong; 0, not absent: an alarm compares with it."""
    for kind, count in found.items():
        alarms.labels(kind.value).set(count)


def note_streams(found: "Sums", now: datetime) -> None:
    """Set how far the streams are."""
    streams.set(found.streams)
    streams_failing.set(found.failing)
    streams_waiting.set(found.waiting)
    streams_lag.set(0 if found.oldest_at is None else max(0.0, (now - found.oldest_at).total_seconds()))
    streams_letters.set(found.letters)
