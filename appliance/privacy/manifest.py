"""The manifest: a table that is not named here fails a law test."""

from dataclasses import dataclass
from enum import StrEnum


class OnErasure(StrEnum):
    """What happens to a row when the person it is about is erased."""

    DELETE = "delete"
    KEEP = "keep"
    NOT_PERSONAL = "not personal"


@dataclass(frozen=True)
class Entry:
    """A table: whether a person's export holds it, what erasure does, and the reason."""

    exported: bool
    on_erasure: OnErasure
    reason: str


_DELETE, _KEEP, _NOTHING = OnErasure.DELETE, OnErasure.KEEP, OnErasure.NOT_PERSONAL
MANIFEST: dict[str, Entry] = {
    "access_review_decisions": Entry(
        False, _KEEP, "proof of who decided on whose access, and why; who they are is an id"
    ),
    "access_review_items": Entry(False, _KEEP, "whose access was reviewed, and what they had then; who they are is an id"),
    "access_reviews": Entry(False, _KEEP, "proof that access was reviewed; who did is an id"),
    "alembic_version": Entry(False, _NOTHING, "the schema's number"),
    "allowed_models": Entry(False, _NOTHING, "which models the organisation allows"),
    "api_tokens": Entry(True, _DELETE, "a digest of a person's or a program's token, and what it may do"),
    "audit_anchors": Entry(False, _NOTHING, "up to which size each anchor saw the log"),
    "audit_alarms": Entry(False, _NOTHING, "what is wrong with the log, and since when"),
    "audit_checkpoints": Entry(False, _NOTHING, "signed sizes and roots of the log"),
    "audit_cosignatures": Entry(False, _NOTHING, "checkpoints that a witness signed"),
    "audit_disclosures": Entry(
        False, _DELETE, "where somebody acted from, sealed under their own key; erased with that key, for the log itself stays"
    ),
    "audit_epochs": Entry(False, _NOTHING, "when and why the log went on after a loss"),
    "audit_exports": Entry(False, _NOTHING, "which packages of the log were asked for; who did is an id"),
    "audit_heads": Entry(False, _NOTHING, "the log's newest signed size and root"),
    "audit_inbox": Entry(False, _KEEP, "proof of what was done (GDPR 17(3)(b), (e)); holds ids and commitments, never content"),
    "audit_log": Entry(
        False, _KEEP, "proof of what was done (GDPR 17(3)(b), (e)); holds ids and commitments, never content; entries of version 1 have addresses in the clear"
    ),
    "audit_log_keys": Entry(False, _NOTHING, "the public keys that signed the log"),
    "audit_nodes": Entry(False, _NOTHING, "hashes over parts of the log"),
    "audit_schedules": Entry(False, _NOTHING, "which packages of the log are made by themselves; who asked is an id"),
    "audit_sink_cursors": Entry(False, _NOTHING, "how far each stream of the log is"),
    "audit_sink_letters": Entry(False, _NOTHING, "ids of entries that a stream's peer did not take, and why"),
    "audit_sinks": Entry(False, _NOTHING, "where the log is streamed to, with a sealed secret; who added it is an id"),
    "audit_subject_keys": Entry(False, _DELETE, "the key to a person's values in the log; what it holds is overwritten"),
    "audit_time_stamps": Entry(False, _NOTHING, "time stamps over checkpoints"),
    "batches": Entry(False, _NOTHING, "which files were uploaded together; who did is an id"),
    "break_glass_accounts": Entry(False, _NOTHING, "which owners still sign in by password while sign-on is enforced; who they are is an id"),
    "budget_counters": Entry(False, _KEEP, "accounting; holds ids and counts"),
    "budget_limits": Entry(False, _NOTHING, "the organisation's budgets; who set them, and whose they are, is an id"),
    "budget_reservations": Entry(False, _NOTHING, "ids of calls under way, and what they may cost"),
    "budgets": Entry(False, _NOTHING, "the limits of the version before; who set them is an id"),
    "call_contents": Entry(True, _DELETE, "what a person's programs asked and were answered, sealed, for days that the organisation chose; nothing of questions to chatbots, to their drafts and in temporary chats"),
    "call_limits": Entry(False, _NOTHING, "the organisation's limits; who set them, and whose they are, is an id"),
    "call_openings": Entry(True, _DELETE, "who looked into what a person's call said; deleted with it"),
    "call_paces": Entry(False, _KEEP, "how much was asked in a minute; holds ids and counts"),
    "call_places": Entry(False, _KEEP, "how many calls are under way; holds ids and counts"),
    "call_rules": Entry(False, _NOTHING, "what model calls may do; who made a rule is an id"),
    "chatbot_groups": Entry(False, _NOTHING, "which groups may use a chatbot"),
    "chatbot_versions": Entry(False, _NOTHING, "belongs to the organisation; who published it is an id"),
    "chatbots": Entry(False, _NOTHING, "belongs to the organisation"),
    "chunk_vectors": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "chunks": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "citations": Entry(True, _DELETE, "part of a person's conversation"),
    "collection_groups": Entry(False, _NOTHING, "which groups may read a collection"),
    "collections": Entry(False, _NOTHING, "belongs to the organisation"),
    "conversation_surrogates": Entry(False, _DELETE, "what stood for values of a person's conversation, sealed; deleted with it"),
    "conversation_texts": Entry(False, _DELETE, "in which book a person's conversation is searched; deleted with it"),
    "conversation_views": Entry(True, _DELETE, "who looked into a person's conversation; deleted with it"),
    "conversations": Entry(True, _DELETE, "a person's own questions"),
    "custom_roles": Entry(False, _NOTHING, "the organisation's own roles"),
    "data_keys": Entry(False, _NOTHING, "wrapped keys, and when each was made, replaced and destroyed"),
    "data_labels": Entry(False, _NOTHING, "what is demanded of providers for a label"),
    "dlp_drafts": Entry(False, _NOTHING, "the policy that is being written; who writes it is an id"),
    "dlp_dry_run_documents": Entry(False, _NOTHING, "which documents another policy would treat otherwise, in numbers"),
    "dlp_dry_run_places": Entry(False, _NOTHING, "which conversations and calls another policy would treat otherwise, in numbers; they go with these"),
    "dlp_dry_runs": Entry(False, _NOTHING, "what another policy would change, in numbers; who asked is an id"),
    "dlp_policies": Entry(False, _KEEP, "proof of what was forbidden when, and who approved it; who they are is an id"),
    "dlp_allowances": Entry(False, _NOTHING, "what is not told of what was found, values as digests; who allowed it is an id"),
    "dlp_own_lists": Entry(False, _NOTHING, "the organisation's terms, expressions and digests, sealed; who wrote them is an id"),
    "dlp_own_rules": Entry(False, _NOTHING, "the sealed key of the digests of an organisation's values"),
    "document_findings": Entry(
        False, _DELETE, "where in a document something was found, masked and sealed; deleted with it. Who decided what is an id"
    ),
    "document_scans": Entry(False, _DELETE, "by which policy a document was looked at; deleted with it"),
    "document_versions": Entry(False, _KEEP, "belongs to the organisation; deleted with its document, or by name"),
    "documents": Entry(False, _KEEP, "belongs to the organisation; deleted by name"),
    "evidence_packages": Entry(False, _NOTHING, "which packages of evidence were asked for; who did is an id"),
    "evidence_reports": Entry(False, _NOTHING, "what came of backups, drills and looks at the isolation, in numbers"),
    "feedback": Entry(True, _DELETE, "what a person thought of an answer"),
    "fingerprint_keys": Entry(False, _NOTHING, "the sealed key of the fingerprints of provider keys"),
    "group_members": Entry(True, _DELETE, "the groups of a person"),
    "groups": Entry(False, _NOTHING, "belongs to the organisation"),
    "idempotency_keys": Entry(False, _DELETE, "sealed answers to a program's requests, kept for a day"),
    "invitations": Entry(False, _DELETE, "the address of a person who was invited"),
    "key_destructions": Entry(
        False, _KEEP, "proof of who asked to destroy keys, and who agreed; who they are is an id"
    ),
    "key_encryption_keys": Entry(False, _NOTHING, "when each key was made, replaced and destroyed; the key is a file"),
    "key_rotations": Entry(False, _NOTHING, "how far a rotation is, in numbers"),
    "memberships": Entry(True, _DELETE, "name and address in an organisation"),
    "message_sources": Entry(False, _DELETE, "which documents an answer was made of; deleted with it"),
    "messages": Entry(True, _DELETE, "a person's own questions and their answers; of those to drafts of chatbots and in temporary chats there are none"),
    "model_aliases": Entry(False, _NOTHING, "the organisation's names of models"),
    "model_calls": Entry(False, _KEEP, "accounting; holds ids and counts, and is all that is left of questions to drafts of chatbots and in temporary chats"),
    "model_providers": Entry(False, _NOTHING, "belongs to the organisation; who added it is an id"),
    "organisation_settings": Entry(False, _NOTHING, "the organisation's choices"),
    "organisations": Entry(False, _NOTHING, "the organisation's name"),
    "password_resets": Entry(False, _DELETE, "digests of single-use links"),
    "plain_text": Entry(False, _NOTHING, "when conversations from before were sealed, and their old place wiped"),
    "postings": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "procrastinate_events": Entry(False, _NOTHING, "times of jobs"),
    "procrastinate_jobs": Entry(False, _NOTHING, "ids of what is to be done; removed when done"),
    "procrastinate_periodic_defers": Entry(False, _NOTHING, "the queue's own schedule, unused"),
    "procrastinate_workers": Entry(False, _NOTHING, "heartbeats"),
    "provider_contracts": Entry(False, _KEEP, "what calls on record ran under; who wrote it down is an id"),
    "provider_key_uses": Entry(False, _NOTHING, "how often a provider key was used, in numbers"),
    "provider_keys": Entry(False, _NOTHING, "sealed keys to model providers; who gave and revoked them is an id"),
    "provider_rules": Entry(False, _NOTHING, "what operators said of an organisation"),
    "queue_turns": Entry(False, _NOTHING, "when an organisation's last job was begun"),
    "recovery_codes": Entry(False, _DELETE, "digests of a person's single-use codes"),
    "review_requests": Entry(True, _DELETE, "who asked to look into a person's conversation, and why; deleted with it"),
    "root_key": Entry(False, _NOTHING, "the fingerprint of the key that files are sealed with"),
    "rules_versions": Entry(False, _NOTHING, "how often the organisation's rules on calls changed"),
    "screening_settings": Entry(False, _NOTHING, "what the organisation asks of uploads"),
    "second_factors": Entry(False, _DELETE, "sealed seeds and public keys of a person's second factors"),
    "session_policies": Entry(False, _NOTHING, "how people of the organisation sign in"),
    "sessions": Entry(True, _DELETE, "address and browser of a signed-in person"),
    "setup_links": Entry(False, _NOTHING, "digests of single-use links"),
    "signing_keys": Entry(False, _NOTHING, "the sealed key that signs the log, and when each was made and replaced"),
    "sign_ins": Entry(True, _DELETE, "when, how and from where a person signed in, for half a year"),
    "sign_in_challenges": Entry(False, _DELETE, "a sign-in between password and second factor"),
    "sign_in_attempts": Entry(False, _DELETE, "a digest of the address, kept against guessing"),
    "scim_group_members": Entry(True, _DELETE, "the groups that an identity provider has a person in"),
    "scim_groups": Entry(False, _NOTHING, "the groups of an identity provider, by name"),
    "scim_services": Entry(False, _NOTHING, "how an identity provider provisions"),
    "scim_tokens": Entry(False, _NOTHING, "digests of an identity provider's tokens; who made one is an id"),
    "scim_users": Entry(True, _DELETE, "what an identity provider says of a person"),
    "sso_connections": Entry(False, _NOTHING, "the organisation's identity providers, with a sealed secret; who added one is an id"),
    "sso_domains": Entry(False, _NOTHING, "the domains of an organisation's addresses; who named one is an id"),
    "sso_identities": Entry(True, _DELETE, "under which name an identity provider knows a person"),
    "sso_links": Entry(False, _NOTHING, "digests of links by which a connection is set up, for a week"),
    "sso_mappings": Entry(False, _NOTHING, "what a provider's groups give in the organisation"),
    "sso_seen": Entry(False, _NOTHING, "digests of what providers said, against being shown twice; kept until it ends"),
    "sso_transactions": Entry(False, _DELETE, "somebody on their way to a provider, for ten minutes; sealed"),
    "support_grants": Entry(False, _KEEP, "proof of who let an operator in, and why; who they are is an id"),
    "text_books": Entry(
        False, _DELETE, "sealed copies of a person's conversations for search; each goes with its conversation"
    ),
    "title_pages": Entry(
        False, _DELETE, "sealed titles of people's conversations for search; each goes with its conversation"
    ),
    "token_rates": Entry(False, _KEEP, "how many requests a token made in a minute; holds ids and counts"),
    "upload_attestations": Entry(False, _DELETE, "who attested what of a document; deleted with it, who is an id"),
    "upload_parts": Entry(False, _DELETE, "sizes and digests of the parts of an unfinished upload"),
    "uploads": Entry(False, _DELETE, "a person's unfinished uploads, kept for a day"),
    "usage_days": Entry(False, _KEEP, "accounting by day; holds ids and counts"),
    "usage_folded": Entry(False, _NOTHING, "until when calls are counted in usage_days"),
    "usage_parts": Entry(False, _KEEP, "accounting by day; holds ids and counts"),
    "users": Entry(True, _DELETE, "the account: address and password hash"),
    "vector_indexes": Entry(False, _NOTHING, "which embedding model an organisation is searched by"),
}
