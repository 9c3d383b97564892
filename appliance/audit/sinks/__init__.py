"""Streams of the sealed log to where it is watched: syslog, CEF, webhook, Splunk, Elastic, S3, a folder.

Trusted: the allow-list of egress, the vault that seals secrets. Not trusted: the peers, who learn what the log says and can
withhold their receipt, and nothing else; and who writes the database, who can hold a stream back but can neither read a
secret nor have it sent elsewhere. Permissions are asked for by the doors: this room lies below that of people.
"""

from appliance.audit.sinks.choosing import Choice, choice_of
from appliance.audit.sinks.delivering import BEHIND, Deliverer, Outlet
from appliance.audit.sinks.peers.kit import Kit
from appliance.audit.sinks.queries import Sums, get_sink, list_letters, list_sinks, sums
from appliance.audit.sinks.service import (
    SinkChange,
    add_sink,
    change_sink,
    drop_letter,
    drop_letters,
    place_of_url,
    remove_sink,
    send_letter_again,
    send_letters_again,
)
from appliance.audit.sinks.trying import try_sink
from appliance.audit.sinks.values import SEALED, Letter, Scope, Sink, SinkForm, SinkKind

__all__ = [
    "BEHIND", "SEALED", "Choice", "Deliverer", "Kit", "Letter", "Outlet", "Scope", "Sink", "SinkChange", "SinkForm", "SinkKind", "Sums",
    "add_sink", "change_sink", "choice_of", "drop_letter", "drop_letters", "get_sink", "list_letters", "list_sinks", "place_of_url",
    "remove_sink",
    "send_letter_again", "send_letters_again", "sums", "try_sink",
]  # fmt: skip
