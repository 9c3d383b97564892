"""What egress says no to, and what can go wrong on the way.

Refusal
├── AllowListInvalid      kind=invalid       settings that name nothing that could be called
├── CertificatesUnusable  kind=invalid       files that settings name
├── OutgoingMalformed     kind=invalid       a request that would not be one request
├── EgressDenied          kind=blocked       nothing was sent, nothing looked up
│   ├── UrlDenied                            a URL that two programs could read in two ways
│   ├── PortDenied
│   ├── PlainDenied
│   └── AddressDenied                        looked up, not connected
└── EgressFailed          kind=unavailable
    ├── HostNotFound, HostUnreachable, TlsFailed, ProxyFailed, TooManyConnections      nothing was sent
    ├── AnswerTimedOut, AnswerBroken, AnswerTooLarge                                   the request may have arrived
    └── CallCancelled                                                                  by ourselves
"""

from collections.abc import Sequence

from appliance.kernel.errors import Kind, Refusal


class AllowListInvalid(Refusal):
    """Some entries of APPLIANCE_EGRESS_ALLOW cannot be used: {faults}."""

    kind = Kind.INVALID
    code = "egress_allow_invalid"

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults="; ".join(faults))


class CertificatesUnusable(Refusal):
    """The certificates in {path} cannot be used: {reason}. Correct the file or the setting that names it."""

    kind = Kind.INVALID
    code = "egress_certificates_unusable"


class OutgoingMalformed(Refusal):
    """This request cannot be sent: {reason}. Nothing was sent; correct it, then try again."""

    kind = Kind.INVALID
    code = "egress_request_malformed"


class EgressDenied(Refusal):
    """Calls to {host} are not allowed. An operator can add it to APPLIANCE_EGRESS_ALLOW."""

    kind = Kind.BLOCKED
    code = "egress_denied"


class UrlDenied(EgressDenied):
    """This address cannot be called: {reason}. Write it plainly, such as https://api.example.org/v1."""

    code = "egress_url_denied"


class PortDenied(EgressDenied):
    """Calls to port {port} of {host} are not allowed. An operator can add {host}:{port} to APPLIANCE_EGRESS_ALLOW."""

    code = "egress_port_denied"


class PlainDenied(EgressDenied):
    """Calls to {host} need https. A host of your own network an operator can name with http:// in APPLIANCE_EGRESS_ALLOW."""

    code = "egress_plain_denied"


class SftpDenied(EgressDenied):
    """SFTP to port {port} of {host} is not allowed. An operator can add sftp://{host}:{port} to APPLIANCE_EGRESS_ALLOW."""

    code = "egress_sftp_denied"


class AddressDenied(EgressDenied):
    """{host} is at {address}, which was not allowed. If that is meant, an operator can add {host}=NETWORK to APPLIANCE_EGRESS_ALLOW."""

    code = "egress_address_denied"


class EgressFailed(Refusal):
    """The call to {host} failed ({reason}). Try again; if it stays, ask the operator."""

    kind = Kind.UNAVAILABLE
    code = "egress_failed"


class HostNotFound(EgressFailed):
    """No address was found for {host}. Check its name; the operator can check this host's DNS."""

    code = "egress_host_not_found"


class HostUnreachable(EgressFailed):
    """{host} cannot be reached ({reason}). Try again; the operator can check the network and its firewall."""

    code = "egress_host_unreachable"


class TlsFailed(EgressFailed):
    """{host} did not prove who it is ({reason}). The operator can name its authority in APPLIANCE_EGRESS_CA_FILE."""

    code = "egress_tls_failed"


class ProxyFailed(EgressFailed):
    """The proxy did not let the call to {host} through ({reason}). The operator can check APPLIANCE_EGRESS_PROXY and its credentials."""

    code = "egress_proxy_failed"


class TooManyConnections(EgressFailed):
    """Too many calls are under way ({most}). Try again in a moment."""

    code = "egress_busy"


class AnswerTimedOut(EgressFailed):
    """{host} took longer than {seconds} seconds ({stage}). Try again; if it stays, ask the operator."""

    code = "egress_timed_out"


class AnswerBroken(EgressFailed):
    """The answer of {host} broke off or cannot be read ({reason}). Try again; if it stays, ask the operator."""

    code = "egress_answer_broken"


class AnswerTooLarge(EgressFailed):
    """The answer of {host} is larger than {most} bytes. Ask for less."""

    code = "egress_answer_too_large"


class CallCancelled(EgressFailed):
    """The call was cancelled. Try again if it is still needed."""

    code = "egress_cancelled"
