"""
Refusal
├── BaseUrlMalformed          kind=invalid
├── KeyNeededAgain            kind=invalid
├── KeyNotNeeded              kind=invalid
├── KeyNotPermitted           kind=invalid
├── KeyRejected               kind=invalid
├── NoProviderKey             kind=unavailable
├── OwnKeysForbidden          kind=blocked
├── OwnKeysRequired           kind=blocked
├── ProviderAnswersOddly      kind=invalid
├── ProviderBusy              kind=unavailable
├── ProviderChanged           kind=conflict
├── ProviderHostClosed        kind=invalid
├── ProviderKeyKnown          kind=conflict
├── ProviderKeyMalformed      kind=invalid
│   ├── AccountKeyMalformed
│   └── AwsKeyMalformed
├── ProviderKeyMasked         kind=invalid
├── ProviderKeyNotFound       kind=not_found
├── ProviderKeyNotShown       kind=forbidden
├── ProviderKeyRevoked        kind=conflict
├── ProviderKeyTermsMalformed kind=invalid
├── ProviderNameMalformed     kind=invalid
├── ProviderNameTaken         kind=conflict
├── ProviderNotFound          kind=not_found
├── ProviderTlsFailed         kind=unavailable
├── ProviderUnreachable       kind=unavailable
├── RegionMalformed           kind=invalid
└── TooManyProviderKeys       kind=conflict
"""

from appliance.kernel.errors import Kind, Refusal


class BaseUrlMalformed(Refusal):
    """There is no address, or it is not one: https://, a host, and at most a path; http:// for compatible servers alone."""

    kind = Kind.INVALID
    code = "base_url_malformed"


class KeyNeededAgain(Refusal):
    """Calls would go to another address, so give the key again: no key is sent where it was not given for."""

    kind = Kind.INVALID
    code = "provider_key_needed_again"


class KeyNotNeeded(Refusal):
    """The address stays, so no key is asked for here. To put a new key in the place of one, replace that key."""

    kind = Kind.INVALID
    code = "provider_key_not_needed"


class KeyNotPermitted(Refusal):
    """The provider knows this key, and does not let it list models. Widen its rights there, or save it unchecked."""

    kind = Kind.INVALID
    code = "provider_key_not_permitted"


class KeyRejected(Refusal):
    """The provider does not take this key: it is wrong, revoked, or of another account."""

    kind = Kind.INVALID
    code = "provider_key_rejected"


class NoProviderKey(Refusal):
    """The provider {name} has no key in force: none was given, or all were revoked or have expired. Add one under Providers."""

    kind = Kind.UNAVAILABLE
    code = "no_provider_key"


class OwnKeysForbidden(Refusal):
    """This organisation uses the platform's shared providers alone. The platform's operators can allow its own."""

    kind = Kind.BLOCKED
    code = "own_keys_forbidden"


class OwnKeysRequired(Refusal):
    """This organisation uses its own provider keys alone, so the shared provider {name} is closed to it."""

    kind = Kind.BLOCKED
    code = "own_keys_required"


class ProviderAnswersOddly(Refusal):
    """{host} answered with status {status}, so the key could not be checked. Look at the address."""

    kind = Kind.INVALID
    code = "provider_answers_oddly"


class ProviderBusy(Refusal):
    """{host} has too much to do, or answered with a fault of its own ({status}). Try again in a moment."""

    kind = Kind.UNAVAILABLE
    code = "provider_busy"


class ProviderChanged(Refusal):
    """Somebody changed this provider's address meanwhile. No key was kept; look where it would go now, and try again."""

    kind = Kind.CONFLICT
    code = "provider_changed"


class ProviderHostClosed(Refusal):
    """Calls to {host} are not allowed from this host, so the key was not tried. An operator can add it to
    APPLIANCE_EGRESS_ALLOW. You can save the key unchecked; until then, every call with it is refused.
    """

    kind = Kind.INVALID
    code = "provider_host_closed"


class ProviderKeyKnown(Refusal):
    """This provider has this key already. Change that one, or give another."""

    kind = Kind.CONFLICT
    code = "provider_key_known"


class ProviderKeyMalformed(Refusal):
    """This is not a key of this provider: it has at most 16,384 printable signs, and no spaces."""

    kind = Kind.INVALID
    code = "provider_key_malformed"


class AccountKeyMalformed(ProviderKeyMalformed):
    """This is not a key of Vertex. Give the whole JSON file of a service account's key."""


class AwsKeyMalformed(ProviderKeyMalformed):
    """This is not a key of Bedrock. Give the access key ID and the secret access key with a colon between them."""


class ProviderKeyMasked(Refusal):
    """This is a key's mask, not a key. Nothing was changed; give the key itself."""

    kind = Kind.INVALID
    code = "provider_key_masked"


class ProviderKeyNotFound(Refusal):
    """This provider has no such key. Look at the list of providers."""

    kind = Kind.NOT_FOUND
    code = "provider_key_not_found"


class ProviderKeyNotShown(Refusal):
    """Nobody is shown a provider's key, and that you asked is on record. Replace it if it is lost."""

    kind = Kind.FORBIDDEN
    code = "provider_key_not_shown"


class ProviderKeyRevoked(Refusal):
    """This key was revoked, and erased. Add a new one."""

    kind = Kind.CONFLICT
    code = "provider_key_revoked"


class ProviderKeyTermsMalformed(Refusal):
    """A key has a label of 1 to 120 signs, a weight from 1 to 1000, and may expire at a time that is yet to come."""

    kind = Kind.INVALID
    code = "provider_key_terms_malformed"


class ProviderNameMalformed(Refusal):
    """A provider's name has 1 to 63 small letters, digits and hyphens, such as openai-eu."""

    kind = Kind.INVALID
    code = "provider_name_malformed"


class ProviderNameTaken(Refusal):
    """There is a provider of this name already. Choose another name."""

    kind = Kind.CONFLICT
    code = "provider_name_taken"


class ProviderNotFound(Refusal):
    """There is no such provider. Look at the list of providers."""

    kind = Kind.NOT_FOUND
    code = "provider_not_found"


class ProviderTlsFailed(Refusal):
    """{host} did not prove who it is: its certificate is not of an authority that this host trusts. Nothing was sent."""

    kind = Kind.UNAVAILABLE
    code = "provider_tls_failed"


class ProviderUnreachable(Refusal):
    """{host} does not answer: there is no such host, nothing listens there, or it took longer than ten seconds."""

    kind = Kind.UNAVAILABLE
    code = "provider_unreachable"


class RegionMalformed(Refusal):
    """Bedrock and Vertex take a region, such as eu-central-1 or europe-west4; other providers take none."""

    kind = Kind.INVALID
    code = "region_malformed"


class TooManyProviderKeys(Refusal):
    """There are {most} of them, which is the most. Remove what is no longer needed."""

    kind = Kind.CONFLICT
    code = "too_many_provider_keys"
