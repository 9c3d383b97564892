"""The closed catalogue of evidence: what each item is, what its columns are called, and what is said of gaps."""

from datetime import timedelta
from typing import Final

from appliance.evidence.values import About, Item

_MEASURES: Final = ("measure", "value")
_REPORT: Final = ("at", "kind", "result", "facts", "digest")

ITEMS: Final[dict[Item, About]] = {
    Item.ACCESS_LIST: About(
        "Who has access",
        "Every person and account with its role, its second factors and tokens, and when it was last seen.",
        ("name", "email", "role", "kind", "joined_at", "last_seen_at", "access_until", "factors", "tokens"),
    ),
    Item.ACCESS_REVIEW: About(
        "Reviews of access",
        "Who looked through all access, when, and the digest of what was decided.",
        ("name", "started_at", "due_at", "closed_at", "by", "lines", "decided", "digest"),
        timedelta(days=184),
    ),
    Item.AI_REGISTER: About(
        "Models that may be called",
        "The providers' models that this organisation allows. The local ones leave nothing of this host.",
        ("provider", "model"),
    ),
    Item.BACKUPS: About(
        "Backups",
        "The backups that were written, and how large they were.",
        _REPORT,
        timedelta(days=7),
    ),
    Item.CHANGE_HISTORY: About(
        "Changes of policy and configuration",
        "Who changed which setting, rule, role or provider, who agreed where a second person must, and from what to what, out of the audit log.",
        ("at", "by", "approved_by", "event", "subject", "facts"),
    ),
    Item.DATA_FLOWS: About(
        "Where data goes",
        "Every model provider that data may be sent to, with its region, what its contract grants, and the chatbots that send it questions and passages.",
        ("provider", "kind", "address", "region", "terms", "contract", "expires_at", "chatbots"),
    ),
    Item.DATA_PROTECTION: About(
        "Data protection policies",
        "What is done about personal, payment and health data, credentials and markings: which policy was in force from when on, and who put it in force.",
        ("name", "state", "at", "by", "approved_by", "facts", "digest"),
    ),
    Item.DELETIONS: About(
        "Deletions",
        "What was deleted within the last 90 days, by kind, out of the audit log.",
        _MEASURES,
    ),
    Item.ISOLATION: About(
        "Isolation of organisations",
        "What the database's own catalogue says of row-level security, policies, functions and roles, looked at each night.",
        _REPORT,
        timedelta(hours=36),
    ),
    Item.KEY_INVENTORY: About(
        "Keys and their rotation",
        "Every key that data is sealed under: when it was made, replaced and destroyed. No key is shown.",
        ("key", "state", "created_at", "retired_at", "destroyed_at"),
    ),
    Item.LOG_ACCESS: About(
        "Who looked into the audit log",
        "Readings and exports of the log and of this evidence within the last 90 days.",
        ("by", "event", "times", "at"),
    ),
    Item.LOG_PROOFS: About(
        "Proofs of the audit log",
        "How many entries are sealed, since when, under which root and key, and whether somebody outside holds a copy.",
        _MEASURES,
    ),
    Item.MODEL_CALLS: About(
        "Model calls and what stopped them",
        "How many calls were admitted, ended and refused within the last 30 days, and what was held back.",
        _MEASURES,
    ),
    Item.OVERSIGHT: About(
        "Oversight of conversations",
        "Whether administrators may look into conversations and kept calls, and how often they did within the last 90 days.",
        _MEASURES,
    ),
    Item.POLICY: About(
        "Rules in force",
        "What model calls may do, for everybody and for groups, and what data labels demand of providers.",
        ("kind", "name", "facts"),
    ),
    Item.PROVIDER_KEYS: About(
        "Keys to providers",
        "Every key to a model provider by its fingerprint: when it was given, used and revoked. No key is shown.",
        ("provider", "name", "fingerprint", "created_at", "expires_at", "last_used_at", "revoked_at", "times"),
    ),
    Item.RESTORE_DRILLS: About(
        "Restores and drills",
        "Backups that were checked or restored, and what came of it.",
        _REPORT,
        timedelta(days=92),
    ),
    Item.SIGN_IN_STRENGTH: About(
        "How people sign in",
        "How many people of each role have a second factor besides their password.",
        ("role", "people", "with_factor", "without_factor"),
    ),
    Item.SIGN_IN_WATCH: About(
        "Watch over sign-ins",
        "Sign-ins that succeeded, failed or were locked within the last 30 days, out of the audit log.",
        _MEASURES,
    ),
    Item.SIGN_ON: About(
        "Sign-on by identity providers",
        "By which identity providers people come in, how far each is in force, and which domains are proven to be this organisation's.",
        ("kind", "name", "state", "at", "facts"),
    ),
    Item.SUBJECT_REQUESTS: About(
        "Requests of data subjects",
        "Requests for access, correction and erasure, and how they were answered.",
        (),
    ),
    Item.VERSIONS: About(
        "Version and components",
        "The version that runs, its schema, and the software that it is made of. The package has it as CycloneDX.",
        _MEASURES,
    ),
}

LABELS: Final[dict[str, str]] = {
    "access_until": "Access until",
    "address": "Address",
    "approved_by": "Agreed to by",
    "at": "When",
    "by": "By whom",
    "chatbots": "Chatbots",
    "closed_at": "Closed",
    "contract": "Contract",
    "created_at": "Made",
    "decided": "Decided",
    "destroyed_at": "Destroyed",
    "digest": "Digest",
    "due_at": "Due",
    "email": "E-mail address",
    "event": "Event",
    "expires_at": "Ends",
    "facts": "Facts",
    "factors": "Second factors",
    "fingerprint": "Fingerprint",
    "joined_at": "Joined",
    "key": "Key",
    "kind": "Kind",
    "last_seen_at": "Last seen",
    "last_used_at": "Last used",
    "lines": "Lines",
    "measure": "What",
    "model": "Model",
    "name": "Name",
    "people": "People",
    "provider": "Provider",
    "region": "Region",
    "result": "Result",
    "retired_at": "Replaced",
    "revoked_at": "Revoked",
    "role": "Role",
    "started_at": "Started",
    "state": "State",
    "subject": "What it was done to",
    "terms": "What it grants",
    "times": "How often",
    "tokens": "Tokens",
    "value": "Number",
    "with_factor": "With a second factor",
    "without_factor": "Without one",
}

MEASURES: Final[dict[str, str]] = {
    "addresses_erased": "Erasures of somebody's addresses in the audit log",
    "call_content_days": "Days for which it is kept what calls to providers say",
    "call_contents_ended": "Deletions of kept calls whose time was over",
    "call_reviews_asked": "Looks at kept calls asked of a second person",
    "calls_admitted": "Calls admitted",
    "calls_refused": "Calls refused",
    "calls_reviewed": "Kept calls looked into",
    "calls_settled": "Calls ended",
    "chatbots_published": "Chatbots published",
    "components": "Components",
    "conversations_deleted": "Conversations deleted",
    "conversations_reviewed": "Conversations looked into",
    "documents_deleted": "Documents deleted",
    "documents_held": "Documents held for review",
    "documents_quarantined": "Documents quarantined",
    "entries_sealed": "Entries sealed",
    "entries_waiting": "Entries that wait to be sealed",
    "keys_destroyed": "Keys destroyed",
    "log_key": "Public key of the log",
    "log_origin": "Name of the log",
    "log_root": "Root over all entries",
    "members_removed": "People removed",
    "oldest_entry": "Oldest entry",
    "packages_taken": "Packages taken within 90 days",
    "passages_shown": "Retrievals with the passages shown",
    "platform": "Python",
    "product": "Product",
    "review_mode": "Who may look into conversations",
    "reviews_asked": "Looks asked of a second person",
    "schema": "Schema",
    "sealed_at": "Signed last",
    "second_factor_failed": "Second factors that were wrong",
    "sign_in_failed": "Sign-ins that failed",
    "sign_in_locked": "Accounts or addresses locked",
    "sign_ins": "Sign-ins",
    "versions_deleted": "Versions of documents deleted",
    "weaknesses": "Known weaknesses, as of",
    "witness_seen_at": "Seen by a witness last",
}

GAPS: Final[dict[str, tuple[str, str]]] = {
    "backup_failed": (
        "The newest report says that it failed.",
        "See the report's facts, put right what it names, and do it again.",
    ),
    "contract_expired": (
        "{number} contracts with providers have expired or expire within 30 days.",
        "Write the new contract down under Models, Contracts.",
    ),
    "decided_on_own": (
        "In the newest review {number} lines were decided by the person whose access it is.",
        "Give a second person the role of an admin, who decides on the first one's.",
    ),
    "isolation_broken": (
        "The newest look at the database found {number} broken rules of isolation.",
        "Stop the house, see `appliance evidence attest`, and put right what it names before anybody goes on.",
    ),
    "log_behind": (
        "Entries have been waiting for more than ten minutes to be sealed.",
        "See that the worker runs: `appliance doctor`.",
    ),
    "log_not_sealed": (
        "Nothing of the log is sealed yet.",
        "See that the worker runs: `appliance doctor`.",
    ),
    "never_done": (
        "This was never done, or is not on record.",
        "Do it; the report is filed by itself.",
    ),
    "no_copy_outside": (
        "Nobody took a package of the log within 90 days: if its end were cut off since, nobody would notice.",
        "Download a package or a checkpoint regularly, and keep it where who runs this host cannot reach.",
    ),
    "no_dlp_policy": (
        "No data protection policy is in force: card data and private keys alone are stopped.",
        "Put one in force under Data protection.",
    ),
    "no_policy": (
        "There is no rule on model calls and no data label.",
        "Make one under Models, Rules.",
    ),
    "no_retention_schedule": (
        "This version deletes no documents and no conversations by a schedule, and issues no certificates of deletion.",
        "Delete by hand by your own schedule; each deletion is in the log.",
    ),
    "no_review": (
        "No review of access was ever closed.",
        "Start one under Evidence, Reviews of access.",
    ),
    "no_subject_requests": (
        "This version keeps no register of requests of data subjects.",
        "Keep it elsewhere; conversations can be exported and deleted one by one.",
    ),
    "no_vulnerability_feed": (
        "This host does not look for known vulnerabilities: it asks nobody outside.",
        "Check the list of components (CycloneDX, in the package) with a scanner of yours, and keep its report; or put OSV's file on this host each month (`APPLIANCE_KNOWN_WEAKNESSES`).",
    ),
    "old_data_key": (
        "The data key in force is older than a year.",
        "Rotate it under Keys.",
    ),
    "old_provider_keys": (
        "Keys to providers that are older than a year: {number}.",
        "Replace them at the provider, and here under Providers.",
    ),
    "privileged_without_factor": (
        "People who may change settings or people, and sign in by their password alone: {number}.",
        "Ask them to add a second factor under their account.",
    ),
    "provider_without_contract": (
        "For these providers no contract is written down that grants a data processing agreement: {names}.",
        "Write it down under Models, Contracts, or remove the provider.",
    ),
    "review_overdue": (
        "A review of access is overdue: {number} lines are not decided.",
        "Decide them under Evidence, Reviews of access, and close it.",
    ),
    "too_old": (
        "The newest is older than {days} days.",
        "Do it again.",
    ),
    "unused_access": (
        "{number} people or accounts have access and were not seen for 90 days.",
        "Remove them, or keep them by a decision in a review of access.",
    ),
}

VALUES: Final[dict[str, str]] = {
    "active": "in force",
    "admin": "admin",
    "auditor": "auditor",
    "backup": "backup",
    "backup_check": "check of a backup",
    "destroyed": "destroyed",
    "domain": "domain",
    "draft": "draft",
    "enforced": "enforced",
    "failed": "failed",
    "good": "good",
    "isolation": "isolation",
    "label": "data label",
    "local": "on this host",
    "lost": "lost",
    "member": "member",
    "off": "switched off",
    "oidc": "OpenID Connect",
    "operator": "operator",
    "owner": "owner",
    "person": "person",
    "past": "past",
    "proxy": "proxy in front",
    "restore": "restore",
    "restore_drill": "drill",
    "retiring": "being replaced",
    "rule": "rule",
    "saml": "SAML",
    "service": "service account",
    "tested": "tested",
    "unverified": "not proven",
    "verified": "proven",
}
CODED: Final = frozenset({"kind", "measure", "result", "role", "state"})
"""Columns whose cells are codes of VALUES or MEASURES, where they are in these."""
STANDINGS: Final[dict[str, str]] = {"good": "shown", "gap": "gaps", "absent": "not made by this version"}
