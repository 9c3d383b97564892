"""
Refusal
├── ConnectionNotFound   kind=not_found
├── MappingNotFound      kind=not_found
├── DomainNotFound       kind=not_found
├── SetupLinkEnded       kind=forbidden
├── ConnectionUntested   kind=conflict
│   └── ConnectionTestedByLink
├── ConnectionNotYours   kind=conflict
├── ConnectionInUse      kind=conflict
├── ConnectionTwice      kind=conflict
├── DomainTaken          kind=conflict
├── DomainUnproven       kind=conflict
│   └── DomainDisputed
├── SignOnEnforced       kind=forbidden
│   ├── BreakGlassShut
│   └── BreakGlassUnshown
├── SignInThere          kind=forbidden
├── SignOnRefused        kind=unauthenticated     what a provider, or a browser that came from one, is refused for
│   ├── ProviderSilent   kind=unavailable
│   ├── TransactionClosed
│   ├── ConnectionClosed
│   ├── ConnectionChanged
│   ├── SubjectMissing
│   ├── PersonUnknown
│   ├── PersonRemoved
│   ├── AddressTaken
│   ├── IdentityTaken
│   ├── LinkUnproven
│   ├── AnotherPerson
│   ├── ProofTooOld
│   ├── OrganisationClosed
│   └── RuleBroken
└── Invalid
    ├── ConnectionNameMalformed
    ├── ConnectionSettingMalformed
    ├── MappingMalformed
    └── DomainMalformed
"""

from collections.abc import Mapping

from appliance.identity.sso.values import Connection, TransactionPurpose, Wish
from appliance.kernel.errors import Invalid, Kind, Refusal


class ConnectionNotFound(Refusal):
    """Your organisation has no such connection. Look under Sign-on."""

    kind = Kind.NOT_FOUND
    code = "connection_not_found"


class MappingNotFound(Refusal):
    """This connection has no such mapping. Look at the connection again."""

    kind = Kind.NOT_FOUND
    code = "mapping_not_found"


class DomainNotFound(Refusal):
    """Your organisation has not named this domain. Look under Sign-on."""

    kind = Kind.NOT_FOUND
    code = "domain_not_found"


class SetupLinkEnded(Refusal):
    """This link has ended, or the connection is in use already. Ask whoever sent it for a new one."""

    kind = Kind.FORBIDDEN
    code = "connection_link_ended"


class ConnectionUntested(Refusal):
    """Nobody has come through this connection as it is set now. Test it first."""

    kind = Kind.CONFLICT
    code = "connection_untested"


class ConnectionTestedByLink(ConnectionUntested):
    """Nobody who may change sign-on now has tested this connection as it is set. Go through it yourself, and look at what is received."""

    code = "connection_tested_by_link"


class ConnectionNotYours(Refusal):
    """Before everybody must come this way, you must be able to yourself: test the connection as it is set now, and link your account with it."""

    kind = Kind.CONFLICT
    code = "connection_not_yours"


class ConnectionInUse(Refusal):
    """People come in by this connection. Turn it off first."""

    kind = Kind.CONFLICT
    code = "connection_in_use"


class ConnectionTwice(Refusal):
    """There is a connection of that name already. Choose another name."""

    kind = Kind.CONFLICT
    code = "connection_name_taken"


class DomainTaken(Refusal):
    """This domain cannot be verified for your organisation. Ask the platform's operator."""

    kind = Kind.CONFLICT
    code = "domain_taken"


class DomainUnproven(Refusal):
    """The TXT record was not found in the domain's DNS. It may take an hour until it is seen everywhere; try again then, or ask the platform's operator to approve the domain."""

    kind = Kind.CONFLICT
    code = "domain_unproven"


class DomainDisputed(DomainUnproven):
    """The name servers disagree: {seen} has the TXT record, {missed} has not. Try again in an hour; if it stays, compare the record at all name servers of the domain, or ask the platform's operator."""

    code = "domain_disputed"


class SignOnEnforced(Refusal):
    """Your organisation lets people in by its own identity provider only. Sign in there."""

    kind = Kind.FORBIDDEN
    code = "sign_on_enforced"
    connection: Connection | None = None
    """The way that is left, for who proved their password; and what they go there for."""
    wish: Wish | None = None


class BreakGlassShut(SignOnEnforced):
    """This break-glass account is closed: it was used, or lacks an owner's role, a password, or a second factor of this organisation. Whoever runs this host opens a used one again (`appliance break-glass enable`); an owner can withdraw it."""

    code = "break_glass_shut"


class BreakGlassUnshown(SignOnEnforced):
    """This break-glass account opens only with an authenticator app or a passkey that was added in this organisation. What you showed was added in another one, or is a recovery code. Use an app or passkey of this organisation."""

    code = "break_glass_unshown"
    step: str = ""
    """The token of a new second step, in which the right one can be shown."""


class SignInThere(Refusal):
    """This session came from an identity provider, and is good for its organisation alone. Sign in with your password, or by the other organisation's own provider."""

    kind = Kind.FORBIDDEN
    code = "sign_in_there"


class SignOnRefused(Refusal):
    """This sign-in was refused. Start again; if it stays, ask your administrator."""

    kind = Kind.UNAUTHENTICATED
    code = "sign_on_refused"
    received: Mapping[str, object] = {}
    """What came, for a test to show; empty otherwise."""
    purpose: TransactionPurpose | None = None
    """What somebody was on their way for, where that is known."""


class ProviderSilent(SignOnRefused):
    """Your identity provider does not answer ({why}). Try again in a moment; if it stays, ask your administrator."""

    kind = Kind.UNAVAILABLE
    code = "identity_provider_silent"


class TransactionClosed(SignOnRefused):
    """That took too long, was done already, or was begun in another browser. Start again."""

    code = "sign_on_not_begun_here"


class ConnectionClosed(SignOnRefused):
    """This connection is not in use. Ask your administrator."""

    code = "connection_closed"


class ConnectionChanged(SignOnRefused):
    """The settings of this connection were changed while you were on your way. Start again."""

    code = "connection_changed"


class SubjectMissing(SignOnRefused):
    """The identity provider did not say who you are. Ask your administrator to look at the connection."""

    code = "subject_missing"


class PersonUnknown(SignOnRefused):
    """Your organisation has no account for you yet, and this connection makes none. Ask your administrator."""

    code = "person_unknown"


class PersonRemoved(SignOnRefused):
    """You do not belong to this organisation any more. Ask your administrator."""

    code = "person_removed"


class AddressTaken(SignOnRefused):
    """Somebody in your organisation has this address already. If it is you, sign in with your password and link your account with the provider; else ask your administrator."""

    code = "address_taken"


class IdentityTaken(SignOnRefused):
    """This person of the identity provider is linked with another account. Ask your administrator."""

    code = "identity_taken"


class LinkUnproven(SignOnRefused):
    """What you showed does not link your account here: the identity provider must say that your address is yours, or you must sign in with an app or passkey that you added in this organisation. One that you added elsewhere and recovery codes do not count. Ask an owner of your organisation."""

    code = "link_unproven"


class AnotherPerson(SignOnRefused):
    """The identity provider named somebody else than who is signed in here. Sign out there, and try again."""

    code = "another_person"


class ProofTooOld(SignOnRefused):
    """The identity provider did not ask again who you are. Sign out there, and try again."""

    code = "proof_too_old"


class OrganisationClosed(SignOnRefused):
    """This organisation is closed for now. Ask the platform's operator."""

    code = "organisation_closed"


class RuleBroken(SignOnRefused):
    """What the identity provider sent breaks a rule: {rule}. Nobody was let in; show this to whoever looks after the provider."""

    code = "rule_broken"


class ConnectionNameMalformed(Invalid):
    """A connection needs a name of 1 to 120 characters."""

    code = "connection_name_malformed"


class ConnectionSettingMalformed(Invalid):
    """{setting} is missing or cannot be right. Compare it with what your identity provider shows."""

    code = "connection_setting_malformed"


class MappingMalformed(Invalid):
    """A mapping names a group as the provider does, in 1 to 300 characters, and gives one role or one group."""

    code = "mapping_malformed"


class DomainMalformed(Invalid):
    """That is no domain. It looks like organisation.example."""

    code = "domain_malformed"
