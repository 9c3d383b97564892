"""
Refusal
├── NotSignedIn          kind=unauthenticated
├── SignInFailed         kind=unauthenticated
├── SignInLocked         kind=over_limit
├── OrganisationSuspended kind=forbidden
├── Forbidden            kind=forbidden
├── GroupNotFound        kind=not_found
├── GroupNameTaken       kind=conflict
├── ScopeMissing         kind=forbidden
├── StepUpRequired       kind=forbidden
├── PersonNotFound       kind=not_found
├── SessionNotFound      kind=not_found
├── AlreadyMember        kind=conflict
├── LastOwner            kind=conflict
├── SetupLinkClosed      kind=forbidden
└── Invalid
    ├── WeakPassword
    ├── EmailMalformed
    ├── GroupMalformed
    └── NameMissing
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class NotSignedIn(Refusal):
    """You are not signed in, or your session has ended. Sign in again."""

    kind = Kind.UNAUTHENTICATED
    code = "not_signed_in"


class SignInFailed(Refusal):
    """The e-mail address or the password is wrong. Check both and try again."""

    kind = Kind.UNAUTHENTICATED
    code = "sign_in_failed"


class SignInLocked(Refusal):
    """Too many sign-ins have failed. Wait {minutes} minutes and try again."""

    kind = Kind.OVER_LIMIT
    code = "sign_in_locked"


class Forbidden(Refusal):
    """Your role does not allow this. Ask an owner of your organisation."""

    kind = Kind.FORBIDDEN
    code = "forbidden"


class OrganisationSuspended(Refusal):
    """This organisation is closed for now. Ask the platform's operator."""

    kind = Kind.FORBIDDEN
    code = "organisation_suspended"


class GroupNotFound(Refusal):
    """Your organisation has no such group. Look under Groups."""

    kind = Kind.NOT_FOUND
    code = "group_not_found"


class GroupNameTaken(Refusal):
    """There is a group of that name already. Choose another name."""

    kind = Kind.CONFLICT
    code = "group_name_taken"


class GroupMalformed(Invalid):
    """A group needs a name of 1 to 120 characters."""

    code = "group_malformed"


class ScopeMissing(Refusal):
    """This token may not do that. It needs the scope {scope}; create another token with it."""

    kind = Kind.FORBIDDEN
    code = "scope_missing"


class StepUpRequired(Refusal):
    """This step needs a fresh proof that it is you. Enter your password or second factor again, and repeat it."""

    kind = Kind.FORBIDDEN
    code = "step_up_required"


class PersonNotFound(Refusal):
    """Your organisation has no such person. Look under People."""

    kind = Kind.NOT_FOUND
    code = "person_not_found"


class SessionNotFound(Refusal):
    """That session has already ended."""

    kind = Kind.NOT_FOUND
    code = "session_not_found"


class AlreadyMember(Refusal):
    """This person cannot be added with that address: it is already in use."""

    kind = Kind.CONFLICT
    code = "already_member"


class LastOwner(Refusal):
    """An organisation keeps at least one owner. Make somebody else an owner first."""

    kind = Kind.CONFLICT
    code = "last_owner"


class SetupLinkClosed(Refusal):
    """This set-up link has been used or has expired. Print a new one with `appliance setup`."""

    kind = Kind.FORBIDDEN
    code = "setup_link_closed"


class WeakPassword(Invalid):
    """A password needs at least 12 characters and at most 200, and not the address itself."""

    code = "weak_password"


class EmailMalformed(Invalid):
    """That is not an e-mail address. It looks like name@organisation.example."""

    code = "email_malformed"


class NameMissing(Invalid):
    """A person needs a name of 1 to 120 characters."""

    code = "name_missing"
