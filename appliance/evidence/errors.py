"""
Refusal
├── AccessReviewNotFound    kind=not_found
├── ReviewItemNotFound      kind=not_found
├── EvidencePackageNotFound kind=not_found
├── EvidenceNotReady        kind=conflict
├── EvidenceLimited         kind=over_limit
├── ReviewUnderWay          kind=conflict
├── ReviewClosed            kind=conflict
├── ReviewIncomplete        kind=conflict
├── AlreadyDecided          kind=conflict
├── OwnAccess               kind=conflict
└── Invalid
    ├── ReviewMalformed
    └── DecisionMalformed
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class AccessReviewNotFound(Refusal):
    """There is no such review of access here."""

    kind = Kind.NOT_FOUND
    code = "access_review_not_found"


class ReviewItemNotFound(Refusal):
    """This review has no such person, account or token."""

    kind = Kind.NOT_FOUND
    code = "review_item_not_found"


class EvidencePackageNotFound(Refusal):
    """There is no such package of evidence here."""

    kind = Kind.NOT_FOUND
    code = "evidence_package_not_found"


class EvidenceNotReady(Refusal):
    """This package of evidence is not ready, or was removed after a week. Wait for it, or ask for a new one."""

    kind = Kind.CONFLICT
    code = "evidence_not_ready"


class EvidenceLimited(Refusal):
    """Enough packages of evidence are being written, or were asked for in the last hour. Wait for those, then ask again."""

    kind = Kind.OVER_LIMIT
    code = "evidence_limited"


class ReviewUnderWay(Refusal):
    """A review of access is under way. Close it before you start another one."""

    kind = Kind.CONFLICT
    code = "review_under_way"


class ReviewClosed(Refusal):
    """This review is closed: its result cannot be changed. Start a new one."""

    kind = Kind.CONFLICT
    code = "review_closed"


class ReviewIncomplete(Refusal):
    """{open} of this review's lines are not decided yet. Decide them, then close it."""

    kind = Kind.CONFLICT
    code = "review_incomplete"


class AlreadyDecided(Refusal):
    """This line is decided already. What was decided stays; change the person's access under People."""

    kind = Kind.CONFLICT
    code = "already_decided"


class OwnAccess(Refusal):
    """Nobody decides on their own access. Ask another owner or admin to decide this line."""

    kind = Kind.CONFLICT
    code = "own_access"


class ReviewMalformed(Invalid):
    """Give the review a name of 1 to 120 characters, and a day within the next year until which it is due."""

    code = "review_malformed"


class DecisionMalformed(Invalid):
    """Say in at most 500 characters why access shall change or end."""

    code = "decision_malformed"
