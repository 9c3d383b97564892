"""
Refusal
├── NotSignedIn          kind=unauthenticated
│   └── TokenRefused
├── SignInFailed         kind=unauthenticated
├── SignInLocked         kind=over_limit
├── SecondStepFailed     kind=unauthenticated
├── SecondStepClosed     kind=unauthenticated
├── FactorNotFound       kind=not_found
├── OrganisationSuspended kind=forbidden
├── Forbidden            kind=forbidden
├── GroupNotFound        kind=not_found
├── GroupNameTaken       kind=conflict
├── ScopeMissing         kind=forbidden
├── StepUpRequired       kind=forbidden
├── PersonNotFound       kind=not_found
├── InvitationNotFound   kind=not_found
├── InvitationClosed     kind=forbidden
├── StillMember          kind=conflict
├── AccessEnded          kind=conflict
├── ResetLinkClosed      kind=forbidden
├── ResetByOperator      kind=conflict
├── PasswordNone         kind=conflict
├── ResetNotAlone        kind=conflict
├── TokenMisplaced       kind=forbidden
├── TokensGuessed        kind=over_limit
├── TokenNotFound        kind=not_found
├── PlaceNotFound        kind=not_found
├── OrganisationNotFound kind=not_found
├── SecondPersonNeeded   kind=conflict
├── SignInFirst          kind=conflict
├── SessionNotFound      kind=not_found
├── KeyInUse             kind=conflict
├── AlreadyMember        kind=conflict
├── LastOwner            kind=conflict
├── SetupLinkClosed      kind=forbidden
└── Invalid
    ├── WeakPassword
    ├── EmailMalformed
    ├── CodeWrong
    ├── KeyReused
    ├── FactorMalformed
    ├── PasskeyRefused
    ├── GroupMalformed
    ├── ProfileMalformed
    ├── RoleMisplaced
    │   └── RoleUnnamed
    ├── AccessEndMalformed
    ├── LimitsBeyond
    ├── ScopesBeyond
    ├── TokenLimitMalformed
    ├── TokenMalformed
    └── NameMissing
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class NotSignedIn(Refusal):
    """You are not signed in, or your session has ended. Sign in again."""

    kind = Kind.UNAUTHENTICATED
    code = "not_signed_in"


class TokenRefused(NotSignedIn):
    """This token is unknown, revoked or past its end, or its person was removed. Issue another one under API tokens."""

    code = "token_refused"


class TokensGuessed(Refusal):
    """Too many unknown tokens came from your address. Wait {seconds} seconds and try again, with a token that is listed under API tokens."""

    kind = Kind.OVER_LIMIT
    code = "tokens_guessed"


class SignInFailed(Refusal):
    """The e-mail address or the password is wrong. Check both and try again."""

    kind = Kind.UNAUTHENTICATED
    code = "sign_in_failed"


class SignInLocked(Refusal):
    """Too many sign-ins have failed. Wait {minutes} minutes and try again."""

    kind = Kind.OVER_LIMIT
    code = "sign_in_locked"


class SecondStepFailed(Refusal):
    """That code or passkey is not right, or was used before. Wait for the next code, or use a recovery code."""

    kind = Kind.UNAUTHENTICATED
    code = "second_step_failed"


class SecondStepClosed(Refusal):
    """That took too long, or too many tries. Start again with your password."""

    kind = Kind.UNAUTHENTICATED
    code = "second_step_closed"


class FactorNotFound(Refusal):
    """You have no such second factor. Look under your account."""

    kind = Kind.NOT_FOUND
    code = "factor_not_found"


class CodeWrong(Invalid):
    """That code is not right. Check that the clock of your telephone is, and type the code that it shows now."""

    code = "code_wrong"


class FactorMalformed(Invalid):
    """Give it a name of 1 to 120 characters by which you will know it."""

    code = "factor_malformed"


class PasskeyRefused(Invalid):
    """Your browser's answer does not fit. Start again; if it stays, use an authenticator app."""

    code = "passkey_refused"


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
    why: Refusal | None = None
    """Why the proof that was shown does not do, and which one does; None where any will do."""


class PersonNotFound(Refusal):
    """Your organisation has no such person. Look under People."""

    kind = Kind.NOT_FOUND
    code = "person_not_found"


class InvitationNotFound(Refusal):
    """There is no such open invitation. It may have been accepted or taken back; look under People."""

    kind = Kind.NOT_FOUND
    code = "invitation_not_found"


class InvitationClosed(Refusal):
    """This invitation has been used, was taken back, or has expired. Ask an administrator for a new one."""

    kind = Kind.FORBIDDEN
    code = "invitation_closed"


class SignInFirst(Refusal):
    """There is an account for this address already. Sign in with it, and then open the invitation again."""

    kind = Kind.CONFLICT
    code = "sign_in_first"


class ResetLinkClosed(Refusal):
    """This link has been used or has expired. Ask an administrator for a new one."""

    kind = Kind.FORBIDDEN
    code = "reset_link_closed"


class ResetByOperator(Refusal):
    """This person belongs, or belonged, to another organisation as well, so only the platform's operator can reset the password."""

    kind = Kind.CONFLICT
    code = "reset_by_operator"


class PasswordNone(Refusal):
    """This person has no password here: they come in by the organisation's identity provider."""

    kind = Kind.CONFLICT
    code = "password_none"


class ResetNotAlone(Refusal):
    """In the works-council mode nobody alone makes a link to another person's password: whoever holds it could read what that person asked. Let whoever holds the host make it: `appliance reset-password`."""

    kind = Kind.CONFLICT
    code = "reset_not_alone"


class TokenNotFound(Refusal):
    """There is no such token, or it is not yours. Look under API tokens."""

    kind = Kind.NOT_FOUND
    code = "token_not_found"


class PlaceNotFound(Refusal):
    """You do not belong to that organisation. Choose one of those listed."""

    kind = Kind.NOT_FOUND
    code = "place_not_found"


class OrganisationNotFound(Refusal):
    """This platform has no such organisation. Look under Organisations."""

    kind = Kind.NOT_FOUND
    code = "organisation_not_found"


class RoleMisplaced(Invalid):
    """Choose one of the roles: owner, admin, auditor or member. On the platform everyone is an operator."""

    code = "role_misplaced"


class RoleUnnamed(RoleMisplaced):
    """A role of your own goes with the role `custom`. Name both, or leave `custom_role_id` out."""


class AccessEndMalformed(Invalid):
    """Access can end by itself for auditors only, on a day to come and within two years. Leave the day out for others."""

    code = "access_end_malformed"


class StillMember(Refusal):
    """This person still works here. Remove them first: what is erased would be recorded anew with their next step."""

    kind = Kind.CONFLICT
    code = "still_member"


class AccessEnded(Refusal):
    """This person's access was given until a day that has passed. Invite them again."""

    kind = Kind.CONFLICT
    code = "access_ended"


class ProfileMalformed(Invalid):
    """Choose a language and a time zone from the list, and a name of 1 to 120 characters."""

    code = "profile_malformed"


class ScopesBeyond(Invalid):
    """Whoever acts or issues may not do this: {scopes}. Leave these scopes out, or give the account another role."""

    code = "scopes_beyond"


class TokenMalformed(Invalid):
    """A token needs a name of 1 to 120 characters, at least one scope, and 1 to 365 days."""

    code = "token_malformed"


class LimitsBeyond(Invalid):
    """A token never issues one that may do more than itself. Give this one the same limits, or narrower ones."""

    code = "token_limits_beyond"


class TokenLimitMalformed(Invalid):
    """{entry} cannot be a limit of a token. Models are such as openai/gpt-5, openai/*, general or bot:handbook; networks such as 10.1.0.0/16, 192.0.2.7 or 2001:db8::/32."""

    code = "token_limit_malformed"


class TokenMisplaced(Refusal):
    """This token may not be used from where you are. Use it from the networks that it was issued for, or issue another."""

    kind = Kind.FORBIDDEN
    code = "token_misplaced"


class KeyInUse(Refusal):
    """A request with this Idempotency-Key is still being answered. Wait a moment and send it again."""

    kind = Kind.CONFLICT
    code = "idempotency_key_in_use"


class KeyReused(Invalid):
    """This Idempotency-Key was sent with another request before. Use a new key for a new request."""

    code = "idempotency_key_reused"


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


class SecondPersonNeeded(Refusal):
    """The works-council mode ends only when a second administrator agrees. Ask for it under All conversations."""

    kind = Kind.CONFLICT
    code = "second_person_needed"
