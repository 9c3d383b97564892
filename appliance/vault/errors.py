"""
Refusal
├── DestructionDecided   kind=conflict
├── DestructionNotFound  kind=not_found
├── DestructionWaiting   kind=conflict
├── FirstFormatRemains   kind=conflict
├── KeysBroken           kind=unavailable
├── KeysMissing          kind=unavailable
├── NoFollowingRoot      kind=conflict
├── NotLongEnoughOwner   kind=conflict
├── NotSecondOwner       kind=forbidden
├── PlainTextRemains     kind=conflict
├── ReasonMissing        kind=invalid
├── RequesterNotOwner    kind=conflict
├── RootKeyForeign       kind=unavailable
├── RootKeyUnusable      kind=unavailable
├── RootSpecInvalid      kind=invalid
├── RotationRunning      kind=conflict
└── SchemaOutdated       kind=unavailable

From `kernel.sealing`: IntegrityError (an alarm), KeyDestroyed (for ever, on purpose), KeyUnavailable (try again).
"""

from appliance.kernel.errors import Kind, Refusal


class DestructionDecided(Refusal):
    """This request was decided, or is older than seven days. Make a new one."""

    kind = Kind.CONFLICT
    code = "destruction_decided"


class DestructionNotFound(Refusal):
    """There is no such request. Look at the list of keys."""

    kind = Kind.NOT_FOUND
    code = "destruction_not_found"


class DestructionWaiting(Refusal):
    """A request to destroy the keys waits already. Another owner grants or refuses it; who made it can take it back."""

    kind = Kind.CONFLICT
    code = "destruction_waiting"


class FirstFormatRemains(Refusal):
    """Organisation {organisation} has values from before there were data keys. Rotate its data key first, to the end."""

    kind = Kind.CONFLICT
    code = "first_format_remains"


class KeysBroken(Refusal):
    """The keys of organisation {organisation} do not open: {reason}. This is an alarm: a key file in {directory}, or its
    row in the database, was altered or moved. Find out by whom, and put both back from a backup.
    """

    kind = Kind.UNAVAILABLE
    code = "keys_broken"


class KeysMissing(Refusal):
    """The keys of organisation {organisation} do not open: {reason}. Key files stand in {directory}: put back what is
    missing there, or see that the root key answers. Keys are never made anew.
    """

    kind = Kind.UNAVAILABLE
    code = "keys_missing"


class NoFollowingRoot(Refusal):
    """No root key follows that web and worker know. Name it in APPLIANCE_ROOT_KEY_NEXT, for them and here, restart them, and try again. Nothing was changed."""

    kind = Kind.CONFLICT
    code = "no_following_root"


class NotLongEnoughOwner(Refusal):
    """{who} has not been an owner for seven days, or somebody else reset their password or second factor since. Nothing was destroyed: wait until then, or let another owner agree."""

    kind = Kind.CONFLICT
    code = "not_long_enough_owner"


class NotSecondOwner(Refusal):
    """Destroying keys takes two owners: one who asks, and another one who agrees."""

    kind = Kind.FORBIDDEN
    code = "not_second_owner"


class PlainTextRemains(Refusal):
    """Conversations from before they were sealed are being sealed still, and would outlive the keys. The worker does that by itself; try again in some minutes."""

    kind = Kind.CONFLICT
    code = "plain_text_remains"


class ReasonMissing(Refusal):
    """Say why, in 3 to 500 characters: it stays on record."""

    kind = Kind.INVALID
    code = "destruction_reason_missing"


class RequesterNotOwner(Refusal):
    """Who asked to destroy the keys is no owner any more. Refuse this request, and have an owner ask anew."""

    kind = Kind.CONFLICT
    code = "requester_not_owner"


class RootKeyForeign(Refusal):
    """The database's files are sealed with another root key than {path}. Put the one of its backup there, or name it in APPLIANCE_ROOT_KEY."""

    kind = Kind.UNAVAILABLE
    code = "root_key_foreign"


class RootKeyUnusable(Refusal):
    """There is no usable root key: {reason}. Put that right, or restore the key from its backup; it is never made anew."""

    kind = Kind.UNAVAILABLE
    code = "root_key_unusable"


class RotationRunning(Refusal):
    """A rotation of this organisation's keys is going on. Wait until it is done."""

    kind = Kind.CONFLICT
    code = "rotation_running"


class RootSpecInvalid(Refusal):
    """{spec} names no root key: {reason}. deploy/docs/root-key.md has an example of each kind."""

    kind = Kind.INVALID
    code = "root_spec_invalid"


class SchemaOutdated(Refusal):
    """The database has not been brought to this version. Run `appliance migrate` first."""

    kind = Kind.UNAVAILABLE
    code = "schema_outdated"
