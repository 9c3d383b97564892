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
    "alembic_version": Entry(False, _NOTHING, "the schema's number"),
    "allowed_models": Entry(False, _NOTHING, "which models the organisation allows"),
    "api_tokens": Entry(True, _DELETE, "a digest of a person's or a program's token, and what it may do"),
    "audit_checkpoints": Entry(False, _NOTHING, "signed sizes and roots of the log"),
    "audit_exports": Entry(False, _NOTHING, "which packages of the log were asked for; who did is an id"),
    "audit_heads": Entry(False, _NOTHING, "the log's newest signed size and root"),
    "audit_inbox": Entry(False, _KEEP, "proof of what was done (GDPR 17(3)(b), (e)); holds ids, never content"),
    "audit_log": Entry(False, _KEEP, "proof of what was done (GDPR 17(3)(b), (e)); holds ids, never content"),
    "audit_log_keys": Entry(False, _NOTHING, "the public keys that signed the log"),
    "audit_nodes": Entry(False, _NOTHING, "hashes over parts of the log"),
    "batches": Entry(False, _NOTHING, "which files were uploaded together; who did is an id"),
    "budget_counters": Entry(False, _KEEP, "accounting; holds ids and counts"),
    "budget_limits": Entry(False, _NOTHING, "the organisation's budgets; who set them, and whose they are, is an id"),
    "budget_reservations": Entry(False, _NOTHING, "ids of calls under way, and what they may cost"),
    "budgets": Entry(False, _NOTHING, "the limits of the version before; who set them is an id"),
    "call_limits": Entry(False, _NOTHING, "the organisation's limits; who set them, and whose they are, is an id"),
    "call_rules": Entry(False, _NOTHING, "what model calls may do; who made a rule is an id"),
    "chatbot_groups": Entry(False, _NOTHING, "which groups may use a chatbot"),
    "chatbot_versions": Entry(False, _NOTHING, "belongs to the organisation; who published it is an id"),
    "chatbots": Entry(False, _NOTHING, "belongs to the organisation"),
    "chunk_vectors": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "chunks": Entry(False, _DELETE, "derived from a document, deleted with it"),
    "citations": Entry(True, _DELETE, "part of a person's conversation"),
    "collection_groups": Entry(False, _NOTHING, "which groups may read a collection"),
    "collections": Entry(False, _NOTHING, "belongs to the organisation"),
    "conversation_texts": Entry(False, _DELETE, "sealed copies of a person's conversations for search; deleted with them"),
    "conversation_views": Entry(True, _DELETE, "who looked into a person's conversation; deleted with it"),
    "conversations": Entry(True, _DELETE, "a person's own questions"),
    "data_keys": Entry(False, _NOTHING, "wrapped keys, and when each was made, replaced and destroyed"),
    "data_labels": Entry(False, _NOTHING, "what is demanded of providers for a label"),
    "document_versions": Entry(False, _KEEP, "belongs to the organisation; deleted with its document, or by name"),
    "documents": Entry(False, _KEEP, "belongs to the organisation; deleted by name"),
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
    "messages": Entry(True, _DELETE, "a person's own questions and their answers"),
    "model_aliases": Entry(False, _NOTHING, "the organisation's names of models"),
    "model_calls": Entry(False, _KEEP, "accounting; holds ids and counts"),
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
    "second_factors": Entry(False, _DELETE, "sealed seeds and public keys of a person's second factors"),
    "sessions": Entry(True, _DELETE, "address and browser of a signed-in person"),
    "setup_links": Entry(False, _NOTHING, "digests of single-use links"),
    "signing_keys": Entry(False, _NOTHING, "the sealed key that signs the log, and when each was made and replaced"),
    "sign_in_challenges": Entry(False, _DELETE, "a sign-in between password and second factor"),
    "sign_in_attempts": Entry(False, _DELETE, "a digest of the address, kept against guessing"),
    "title_pages": Entry(
        False, _DELETE, "sealed titles of people's conversations for search; each goes with its conversation"
    ),
    "upload_parts": Entry(False, _DELETE, "sizes and digests of the parts of an unfinished upload"),
    "uploads": Entry(False, _DELETE, "a person's unfinished uploads, kept for a day"),
    "usage_days": Entry(False, _KEEP, "accounting by day; holds ids and counts"),
    "usage_folded": Entry(False, _NOTHING, "until when calls are counted in usage_days"),
    "usage_parts": Entry(False, _KEEP, "accounting by day; holds ids and counts"),
    "users": Entry(True, _DELETE, "the account: address and password hash"),
    "vector_indexes": Entry(False, _NOTHING, "which embedding model an organisation is searched by"),
}
