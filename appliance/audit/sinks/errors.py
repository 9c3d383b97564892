"""
Refusal
├── FolderForbidden        kind=forbidden
├── LetterNotFound         kind=not_found
├── PeerFailed             kind=unavailable   what is sent is sent again later
│   └── PeerRefused                           it was understood, and not taken
├── ScopeForbidden         kind=forbidden
├── SinkAddressMalformed   kind=invalid
├── SinkChoiceMalformed    kind=invalid
├── SinkHostClosed         kind=invalid
├── SinkNameMalformed      kind=invalid
├── SinkNameTaken          kind=conflict
├── SinkNotFound           kind=not_found
├── SinkOptionsMalformed   kind=invalid
├── SinkSecretMalformed    kind=invalid
└── TooManySinks           kind=over_limit
"""

from appliance.kernel.errors import Kind, Refusal


class FolderForbidden(Refusal):
    """Only the operator streams into a folder of this host. Choose another kind."""

    kind = Kind.FORBIDDEN
    code = "sink_folder_forbidden"


class LetterNotFound(Refusal):
    """This entry is not among those that were left out. Somebody may have sent it again, or dropped it."""

    kind = Kind.NOT_FOUND
    code = "sink_letter_not_found"


class PeerFailed(Refusal):
    """The other side did not take it: {reason}. Nothing is lost; it is sent again."""

    kind = Kind.UNAVAILABLE
    code = "sink_peer_failed"


class PeerRefused(PeerFailed):
    """The other side says that it is wrong: {reason}. Nothing is lost; see what it expects."""

    code = "sink_peer_refused"


class ScopeForbidden(Refusal):
    """Only the operator streams the logs of all organisations."""

    kind = Kind.FORBIDDEN
    code = "sink_scope_forbidden"


class SinkAddressMalformed(Refusal):
    """This is no address for a stream of this kind. It is written like {example}."""

    kind = Kind.INVALID
    code = "sink_address_malformed"


class SinkChoiceMalformed(Refusal):
    """{given} cannot be chosen. Give events as the log names them, or all of a room as identity:*, and a severity from informational to high; organisations only for a stream of every log."""

    kind = Kind.INVALID
    code = "sink_choice_malformed"


class SinkHostClosed(Refusal):
    """This stream would lead nowhere ({reason})."""

    kind = Kind.INVALID
    code = "sink_host_closed"


class SinkNameMalformed(Refusal):
    """A stream needs a name of 1 to 80 signs."""

    kind = Kind.INVALID
    code = "sink_name_malformed"


class SinkNameTaken(Refusal):
    """There is a stream of this name already. Choose another name."""

    kind = Kind.CONFLICT
    code = "sink_name_taken"


class SinkNotFound(Refusal):
    """There is no such stream."""

    kind = Kind.NOT_FOUND
    code = "sink_not_found"


class SinkOptionsMalformed(Refusal):
    """A bucket needs its region, such as eu-central-1, and 1 to 36500 days for which objects are locked; other kinds have neither."""

    kind = Kind.INVALID
    code = "sink_options_malformed"


class SinkSecretMalformed(Refusal):
    """This is no secret for a stream of this kind. It is {expected}."""

    kind = Kind.INVALID
    code = "sink_secret_malformed"


class TooManySinks(Refusal):
    """There are {most} streams already. Remove one first."""

    kind = Kind.OVER_LIMIT
    code = "too_many_sinks"
