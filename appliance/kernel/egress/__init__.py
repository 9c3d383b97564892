"""The only way out of this host. Nothing goes anywhere that an operator has not named.

Deny by default: an empty allow-list means that no request leaves, whatever a room asks for. What may be called is decided
from the text of the URL, before a name is looked up: even a DNS query would tell an outsider something. Then the name is
looked up once, every address is judged, and the connection goes to one of those, so an answer that changes a moment
later changes nothing. Environment proxies and .netrc are not read; redirects are handed back, never followed.

Trusted: the operator's settings, this host's certificates. Not trusted: whoever chooses a URL, DNS, the proxy, and what
answers. Whoever owns DNS gains a refusal or a failed handshake; a private or link-local address is reached only if named.
"""

from appliance.kernel.egress.calls import Incoming
from appliance.kernel.egress.cancelling import Cancel
from appliance.kernel.egress.errors import (
    AddressDenied,
    AllowListInvalid,
    AnswerBroken,
    AnswerTimedOut,
    AnswerTooLarge,
    CallCancelled,
    CertificatesUnusable,
    EgressDenied,
    EgressFailed,
    OutgoingMalformed,
)
from appliance.kernel.egress.factory import Egress
from appliance.kernel.egress.trust import check_certificates
from appliance.kernel.egress.values import Outgoing, Peer, Timeouts

__all__ = [
    "AddressDenied", "AllowListInvalid", "AnswerBroken", "AnswerTimedOut", "AnswerTooLarge", "CallCancelled", "Cancel",
    "CertificatesUnusable",
    "Egress", "EgressDenied", "EgressFailed", "Incoming", "Outgoing", "OutgoingMalformed", "Peer", "Timeouts",
    "check_certificates",
]  # fmt: skip
