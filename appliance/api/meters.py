"""What is counted of requests: names, methods and numbers, never content."""

from prometheus_client import Counter, Histogram

from appliance.kernel.sealing import IntegrityError, KeyDestroyed, KeyUnavailable

requests = Counter("cloister_http_requests_total", "Requests answered", ["endpoint", "method", "status"])
duration = Histogram("cloister_http_request_seconds", "Seconds to the first byte of an answer", ["endpoint"])
seals = Counter("cloister_seal_failures_total", "Sealed values that did not open, or could not be sealed", ["kind"])
for _kind in (IntegrityError, KeyDestroyed, KeyUnavailable):
    seals.labels(_kind.code)  # 0, not absent: an alarm compares with it
