"""The dialects: how clients and providers speak, and how one is put into the other's words.

Pure: bytes and values in, bytes and values out. Trusted: nothing of what is read, neither the client's nor the
provider's. What cannot be said in the other dialect is refused by name (`Untranslatable`), never left out in silence;
what is left out, and why, stands in the rules, of which `deploy/docs/dialects.md` is made.
"""

from appliance.gateway.dialects.bodies import read_json, write_json
from appliance.gateway.dialects.crossing import (
    ANTHROPIC_VERSION,
    CrossStream,
    PassedStream,
    cross_answer,
    cross_request,
    fields_left_out,
    stream_between,
)
from appliance.gateway.dialects.errors import error_body, error_bytes, error_event, fault_in_stream, read_error
from appliance.gateway.dialects.refusals import AnswerUnreadable, EventTooLarge, Untranslatable
from appliance.gateway.dialects.usage import StreamReader, usage_of
from appliance.gateway.dialects.values import Dialect, Fault, TokenCount

__all__ = [
    "ANTHROPIC_VERSION", "AnswerUnreadable", "CrossStream", "Dialect", "EventTooLarge", "Fault", "PassedStream",
    "StreamReader", "TokenCount", "Untranslatable", "cross_answer", "cross_request", "error_body", "error_bytes",
    "error_event", "fault_in_stream", "fields_left_out", "read_error", "read_json", "stream_between",
    "usage_of", "write_json",
]  # fmt: skip
