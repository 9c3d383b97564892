"""The rules that a message must keep. Each refusal names one: in the audit log, and to whoever tests a connection."""

from enum import StrEnum


class Rule(StrEnum):
    """What a message broke. Never reuse or rename one: the log keeps them."""

    MESSAGE_MISSING = "message_missing"
    MESSAGE_TOO_LARGE = "message_too_large"
    MESSAGE_ENCODING = "message_encoding"
    XML_ENCODING = "xml_encoding"
    XML_MARKUP = "xml_markup"
    XML_MALFORMED = "xml_malformed"
    XML_TOO_DEEP = "xml_too_deep"
    XML_TOO_MANY = "xml_too_many"
    ID_MALFORMED = "id_malformed"
    ID_TWICE = "id_twice"
    ROOT = "root"
    VERSION = "version"
    STRUCTURE = "structure"
    ASSERTION_MISSING = "assertion_missing"
    ASSERTIONS_SEVERAL = "assertions_several"
    ASSERTION_MISPLACED = "assertion_misplaced"
    SIGNATURE_MISSING = "signature_missing"
    SIGNATURE_MISPLACED = "signature_misplaced"
    SIGNATURE_SHAPE = "signature_shape"
    SIGNATURE_ALGORITHM = "signature_algorithm"
    SIGNATURE_TRANSFORM = "signature_transform"
    SIGNATURE_REFERENCE = "signature_reference"
    SIGNATURE_FALSE = "signature_false"
    CERTIFICATE_EXPIRED = "certificate_expired"
    ENCRYPTION_SHAPE = "encryption_shape"
    ENCRYPTION_ALGORITHM = "encryption_algorithm"
    ENCRYPTION_UNPROTECTED = "encryption_unprotected"
    ENCRYPTION_NOT_OPENED = "encryption_not_opened"
    ENCRYPTION_MISSING = "encryption_missing"
    STATUS = "status"
    ISSUER = "issuer"
    DESTINATION = "destination"
    IN_RESPONSE_TO = "in_response_to"
    UNSOLICITED = "unsolicited"
    TIME_MALFORMED = "time_malformed"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    CONDITIONS = "conditions"
    AUDIENCE = "audience"
    CONFIRMATION = "confirmation"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    SUBJECT_TRANSIENT = "subject_transient"
    AUTHENTICATION_MISSING = "authentication_missing"
    AUTHENTICATION_OLD = "authentication_old"
    SESSION_ENDED = "session_ended"
    REPLAYED = "replayed"


ADVICE: dict[Rule, str] = {
    Rule.SIGNATURE_MISSING: "Let the provider sign its assertions, also those that it encrypts.",
    Rule.SIGNATURE_ALGORITHM: "Let the provider sign with RSA or ECDSA and SHA-256 or better.",
    Rule.SIGNATURE_TRANSFORM: "Let the provider sign with exclusive canonicalization and without other transforms.",
    Rule.SIGNATURE_FALSE: "It was not signed with one of the certificates of this connection. Enter the provider's certificate of today.",
    Rule.CERTIFICATE_EXPIRED: "The provider's certificate has expired, or is not valid yet. Enter the one in force.",
    Rule.ENCRYPTION_ALGORITHM: "Let the provider encrypt with RSA-OAEP and AES-GCM.",
    Rule.ENCRYPTION_UNPROTECTED: "Let the provider encrypt with AES-GCM, or sign the response as well as the assertion.",
    Rule.ENCRYPTION_NOT_OPENED: "It was encrypted for another certificate. Give the provider this connection's metadata again.",
    Rule.ENCRYPTION_MISSING: "This connection demands encrypted assertions. Let the provider encrypt them, or do not demand it.",
    Rule.STATUS: "The provider itself refused. Its own log says why; often the person was not assigned to this application.",
    Rule.ISSUER: "The answer comes from another entity id than this connection's. Compare both, with their slashes.",
    Rule.DESTINATION: "The provider sends to another address than ours. Copy the reply address (ACS) of this connection, sign by sign.",
    Rule.RECIPIENT: "The provider names another recipient than ours. Copy the reply address (ACS) of this connection, sign by sign.",
    Rule.AUDIENCE: "The provider names another audience. Copy the entity id of this connection, sign by sign.",
    Rule.IN_RESPONSE_TO: "It answers another request than ours. Begin the sign-in again.",
    Rule.UNSOLICITED: "The provider began this sign-in itself. Begin it here, or let this connection take such sign-ins.",
    Rule.NOT_YET: "The provider's clock is ahead of ours. Set both by NTP, or allow more difference.",
    Rule.EXPIRED: "It came too late, or the provider's clock is behind ours. Set both by NTP, or allow more difference.",
    Rule.SUBJECT: "Let the provider send one name identifier (NameID) that is a person's for good.",
    Rule.SUBJECT_TRANSIENT: "The name identifier is another one each time. Choose the format persistent, or name an attribute that is a person's for good.",
    Rule.AUTHENTICATION_OLD: "The provider did not ask again who it is. Let it heed ForceAuthn.",
    Rule.REPLAYED: "This answer was used before. Begin the sign-in again.",
}
OTHER_ADVICE = "The message is not of the form that SAML 2.0 asks for. Ask whoever runs the provider."


class Refused(Exception):
    """A message that is not accepted, by the rule that it broke."""

    def __init__(self, rule: Rule) -> None:
        super().__init__(rule.value)
        self.rule = rule

    @property
    def advice(self) -> str:
        """What to do about it."""
        return ADVICE.get(self.rule, OTHER_ADVICE)
