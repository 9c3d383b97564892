"""
Refusal
├── DlpBlocked           kind=blocked
├── PolicyNotFound       kind=not_found
├── TemplateNotFound     kind=not_found
├── PolicyRuleMissing    kind=not_found
├── DraftMissing         kind=not_found
├── DraftThere           kind=conflict
├── DraftDiffers         kind=conflict
├── NothingDiffers       kind=conflict
├── NotAwaiting          kind=conflict
├── NotSecondApprover    kind=conflict
├── ApproverTooNew       kind=conflict
├── DryRunMissing        kind=not_found
├── DryRunUnderWay       kind=conflict
├── DryRunOver           kind=conflict
└── Invalid
    ├── DryRunMalformed
    ├── PolicyMalformed
    ├── PolicyRuleMalformed
    └── PolicyRuleIdle
"""

from appliance.kernel.errors import Invalid, Kind, Refusal


class DlpBlocked(Refusal):
    """This text holds something that must not be sent ({category}). Remove it and try again."""

    kind = Kind.BLOCKED
    code = "dlp_blocked"


class PolicyNotFound(Refusal):
    """There is no version of that number. Look at the history under Data protection."""

    kind = Kind.NOT_FOUND
    code = "dlp_policy_not_found"


class TemplateNotFound(Refusal):
    """There is no such template. Look at the list under Data protection."""

    kind = Kind.NOT_FOUND
    code = "dlp_template_not_found"


class PolicyRuleMissing(Refusal):
    """There is no such rule in the draft. Look at the draft under Data protection."""

    kind = Kind.NOT_FOUND
    code = "dlp_rule_missing"


class DraftMissing(Refusal):
    """No policy is being written. Begin one under Data protection."""

    kind = Kind.NOT_FOUND
    code = "dlp_draft_missing"


class DraftThere(Refusal):
    """A policy is being written already. Go on with it, or discard it first."""

    kind = Kind.CONFLICT
    code = "dlp_draft_there"


class DraftDiffers(Refusal):
    """The draft has changed since you looked at it. Look at it again, and decide anew."""

    kind = Kind.CONFLICT
    code = "dlp_draft_differs"


class NothingDiffers(Refusal):
    """The draft says what is in force already. Change it first, or discard it."""

    kind = Kind.CONFLICT
    code = "dlp_nothing_differs"


class NotAwaiting(Refusal):
    """Nobody asked to put this draft in force. Whoever wrote it asks first."""

    kind = Kind.CONFLICT
    code = "dlp_not_awaiting"


class NotSecondApprover(Refusal):
    """Putting this policy in force takes a second person: not the one who asked for it, and not a program's account."""

    kind = Kind.CONFLICT
    code = "dlp_not_second"


class ApproverTooNew(Refusal):
    """Both people must have had their role, password and factors for 7 days without help of others: {who} has not yet."""

    kind = Kind.CONFLICT
    code = "dlp_approver_too_new"


class DryRunMissing(Refusal):
    """There is no such dry run. Look at the list under Data protection."""

    kind = Kind.NOT_FOUND
    code = "dlp_dry_run_missing"


class DryRunUnderWay(Refusal):
    """A dry run is under way already. Wait until it is over, or stop it."""

    kind = Kind.CONFLICT
    code = "dlp_dry_run_under_way"


class DryRunOver(Refusal):
    """This dry run is over already."""

    kind = Kind.CONFLICT
    code = "dlp_dry_run_over"


class DryRunMalformed(Invalid):
    """A dry run looks at 1 to 1,000,000 documents, or at all, as uploads or as passages; or at what was said within 1 to 90 days, as prompts."""

    code = "dlp_dry_run_malformed"


class PolicyMalformed(Invalid):
    """A policy has at most {most} rules, and a note of at most 500 characters."""

    code = "dlp_policy_malformed"


class PolicyRuleMalformed(Invalid):
    """The rule {rule} cannot be as it is: {field} is wrong. A name has 1 to 120 characters, a sentence why at most 500; lists have at most 100 entries."""

    code = "dlp_rule_malformed"


class PolicyRuleIdle(Invalid):
    """The rule {rule} would never hold: uploads and answers go to no provider, and it holds only where a text leaves. Add prompts or passages, or lift the condition."""

    code = "dlp_rule_idle"
