"""The closed catalogue of events."""

from enum import StrEnum


class Event(StrEnum):
    """<room>:<subject>:<past tense>. Never reuse or rename one: exports outlive us."""

    BACKUP_MADE = "ops:backup:made"
    BACKUP_RESTORED = "ops:backup:restored"
    BATCH_CANCELLED = "knowledge:batch:cancelled"
    BATCH_CREATED = "knowledge:batch:created"
    BATCH_RETRIED = "knowledge:batch:retried"
    BUDGET_CHANGED = "budgets:budget:changed"
    BUDGET_REMOVED = "budgets:budget:removed"
    BUDGET_WARNED = "budgets:budget:warned"
    CALL_ADMITTED = "gateway:call:admitted"
    CALL_LIMIT_CHANGED = "budgets:call_limit:changed"
    CALL_LIMIT_REMOVED = "budgets:call_limit:removed"
    CALL_REFUSED = "gateway:call:refused"
    CALL_RULE_CHANGED = "policy:rule:changed"
    CALL_RULE_CREATED = "policy:rule:created"
    CALL_RULE_REMOVED = "policy:rule:removed"
    CALL_SETTLED = "gateway:call:settled"
    CHATBOT_ARCHIVED = "chat:chatbot:archived"
    CHATBOT_CHANGED = "chat:chatbot:changed"
    CHATBOT_CREATED = "chat:chatbot:created"
    CHATBOT_PUBLISHED = "chat:chatbot:published"
    COLLECTION_CHANGED = "knowledge:collection:changed"
    COLLECTION_CREATED = "knowledge:collection:created"
    COLLECTION_DELETED = "knowledge:collection:deleted"
    CONTRACT_ADDED = "policy:contract:added"
    CONTRACT_ENDED = "policy:contract:ended"
    CONTRACT_EXPIRING = "policy:contract:expiring"
    CONVERSATIONS_LISTED = "chat:conversations:listed"
    CONVERSATION_CHANGED = "chat:conversation:changed"
    CONVERSATION_CREATED = "chat:conversation:created"
    CONVERSATION_DELETED = "chat:conversation:deleted"
    CONVERSATION_EXPORTED = "chat:conversation:exported"
    CONVERSATION_REVIEWED = "chat:conversation:reviewed"
    CONVERSATION_SHARED = "chat:conversation:shared"
    DATA_LABEL_REMOVED = "policy:data_label:removed"
    DATA_LABEL_SET = "policy:data_label:set"
    DOCUMENT_APPROVED = "knowledge:document:approved"
    DOCUMENT_CANCELLED = "knowledge:document:cancelled"
    DOCUMENT_DELETED = "knowledge:document:deleted"
    DOCUMENT_FAILED = "knowledge:document:failed"
    DOCUMENT_HELD = "knowledge:document:held"
    DOCUMENT_INDEXED = "knowledge:document:indexed"
    DOCUMENT_LABELLED = "knowledge:document:labelled"
    DOCUMENT_MOVED = "knowledge:document:moved"
    DOCUMENT_OPENED = "knowledge:document:opened"
    DOCUMENT_QUARANTINED = "knowledge:document:quarantined"
    DOCUMENT_RECEIVED = "knowledge:document:received"
    DOCUMENT_RETRIED = "knowledge:document:retried"
    FACTOR_ADDED = "identity:factor:added"
    FACTOR_REMOVED = "identity:factor:removed"
    FEEDBACK_GIVEN = "chat:feedback:given"
    GROUP_CHANGED = "identity:group:changed"
    GROUP_CREATED = "identity:group:created"
    GROUP_DELETED = "identity:group:deleted"
    IDENTITY_CONFIRMED = "identity:identity:confirmed"
    INDEX_CHANGE_BEGUN = "knowledge:index_change:begun"
    INDEX_CHANGE_CANCELLED = "knowledge:index_change:cancelled"
    INDEX_CHANGE_FAILED = "knowledge:index_change:failed"
    INDEX_SWITCHED = "knowledge:index:switched"
    INVITATION_ACCEPTED = "identity:invitation:accepted"
    INVITATION_CREATED = "identity:invitation:created"
    INVITATION_REVOKED = "identity:invitation:revoked"
    KEYS_READ = "vault:keys:read"
    KEY_CREATED = "vault:key:created"
    KEY_DESTROYED = "vault:key:destroyed"
    KEY_DESTRUCTION_DECIDED = "vault:key_destruction:decided"
    KEY_DESTRUCTION_REQUESTED = "vault:key_destruction:requested"
    KEY_FILES_EXPORTED = "vault:key_files:exported"
    KEY_ROTATED = "vault:key:rotated"
    KEY_ROTATION_BEGUN = "vault:key_rotation:begun"
    LOG_EXPORTED = "audit:log:exported"
    LOG_EXPORT_READY = "audit:log_export:ready"
    LOG_EXPORT_TAKEN = "audit:log_export:taken"
    LOG_KEY_CHANGED = "audit:log_key:changed"
    LOG_READ = "audit:log:read"
    MEMBER_ADDED = "identity:member:added"
    MEMBER_REMOVED = "identity:member:removed"
    MEMBER_RESTORED = "identity:member:restored"
    MODEL_ALIAS_CHANGED = "gateway:model_alias:changed"
    MODEL_ALLOWED = "gateway:model:allowed"
    MODEL_FORBIDDEN = "gateway:model:forbidden"
    ORGANISATION_CREATED = "tenancy:organisation:created"
    ORGANISATION_RENAMED = "tenancy:organisation:renamed"
    ORGANISATION_RESUMED = "tenancy:organisation:resumed"
    ORGANISATION_SUSPENDED = "tenancy:organisation:suspended"
    OWN_KEYS_SET = "vault:own_keys:set"
    PASSAGES_RETRIEVED = "knowledge:passages:retrieved"
    PASSWORD_CHANGED = "identity:password:changed"  # noqa: S105 - the name of an event
    PASSWORD_RESET = "identity:password:reset"  # noqa: S105 - the name of an event
    PASSWORD_RESET_CREATED = "identity:password_reset:created"  # noqa: S105 - the name of an event
    PROFILE_CHANGED = "identity:profile:changed"
    PROVIDER_CHANGED = "vault:provider:changed"
    PROVIDER_CREATED = "vault:provider:created"
    PROVIDER_KEY_CHANGED = "vault:provider_key:changed"
    PROVIDER_KEY_CHECKED = "vault:provider_key:checked"
    PROVIDER_KEY_CREATED = "vault:provider_key:created"
    PROVIDER_KEY_DESTROYED = "vault:provider_key:destroyed"
    PROVIDER_KEY_EXPIRING = "vault:provider_key:expiring"
    PROVIDER_KEY_REPLACED = "vault:provider_key:replaced"
    PROVIDER_KEY_REVEAL_REFUSED = "vault:provider_key:reveal_refused"
    PROVIDER_KEY_REVOKED = "vault:provider_key:revoked"
    PROVIDER_REMOVED = "vault:provider:removed"
    QUESTION_ANSWERED = "chat:question:answered"
    QUESTION_ASKED = "chat:question:asked"
    RECOVERY_CODES_REPLACED = "identity:recovery_codes:replaced"
    REVIEW_DECIDED = "chat:review:decided"
    REVIEW_REQUESTED = "chat:review:requested"
    ROLE_CHANGED = "identity:role:changed"
    ROOT_KEY_EXCHANGED = "vault:root_key:exchanged"
    SECOND_FACTOR_FAILED = "identity:second_factor:failed"
    SERVICE_ACCOUNT_CREATED = "identity:service_account:created"
    SESSIONS_CLOSED = "identity:sessions:closed"
    SESSION_CLOSED = "identity:session:closed"
    SESSION_OPENED = "identity:session:opened"
    SETTINGS_CHANGED = "tenancy:settings:changed"
    SETUP_LINK_CREATED = "identity:setup_link:created"
    SIGN_IN_FAILED = "identity:sign_in:failed"
    SIGN_IN_LOCKED = "identity:sign_in:locked"
    TOKEN_CREATED = "identity:token:created"  # noqa: S105 - the name of an event
    TOKEN_MISPLACED = "identity:token:misplaced"  # noqa: S105 - the name of an event
    TOKEN_REVOKED = "identity:token:revoked"  # noqa: S105 - the name of an event
    UPLOAD_BEGUN = "knowledge:upload:begun"
    UPLOAD_DISCARDED = "knowledge:upload:discarded"
    VERSION_DELETED = "knowledge:version:deleted"
    VERSION_RECEIVED = "knowledge:version:received"
    VERSION_RESTORED = "knowledge:version:restored"


MEANING: dict[Event, str] = {
    Event.BACKUP_MADE: "The operator's console wrote a backup of the whole house.",
    Event.BACKUP_RESTORED: "The operator's console put a backup in the place of an empty house.",
    Event.BATCH_CANCELLED: "What was still on its way of a batch of uploads was cancelled.",
    Event.BATCH_CREATED: "Somebody began to upload several files together.",
    Event.BATCH_RETRIED: "What had failed of a batch of uploads was queued again.",
    Event.BUDGET_CHANGED: "A budget was set, or its limits changed; whose it is and how much is in the facts.",
    Event.BUDGET_REMOVED: "A budget was lifted.",
    Event.BUDGET_WARNED: "A call took a budget above its soft limit, for the first time in its period; people are told.",
    Event.CALL_ADMITTED: "A model call passed policy, DLP and budget, and what it may need was reserved.",
    Event.CALL_LIMIT_CHANGED: "A limit of calls a minute, tokens a minute or calls at once was set.",
    Event.CALL_LIMIT_REMOVED: "A limit of calls was lifted.",
    Event.CALL_REFUSED: "A model call was refused before anything was sent.",
    Event.CALL_SETTLED: "A model call ended; its real usage replaced the reservation.",
    Event.CALL_RULE_CHANGED: "A rule on model calls was changed; what it lets pass is in the facts.",
    Event.CALL_RULE_CREATED: "A rule on model calls was made for everybody or a group; what it lets pass is in the facts.",
    Event.CALL_RULE_REMOVED: "A rule on model calls was removed.",
    Event.CHATBOT_ARCHIVED: "A chatbot was archived, or taken back; nobody can talk to an archived one.",
    Event.CHATBOT_CHANGED: "A chatbot's name, welcome text or instructions changed.",
    Event.CHATBOT_CREATED: "A chatbot was created.",
    Event.CHATBOT_PUBLISHED: "A chatbot's draft became the version that people talk to.",
    Event.COLLECTION_CHANGED: "A collection's name or readers changed.",
    Event.COLLECTION_CREATED: "A collection was created.",
    Event.COLLECTION_DELETED: "An empty collection was deleted.",
    Event.CONTRACT_ADDED: "What a contract with a model provider grants was written down.",
    Event.CONTRACT_ENDED: "A contract with a model provider was ended; it counts for no call from then on.",
    Event.CONTRACT_EXPIRING: "A contract with a model provider ends within two weeks, or has ended.",
    Event.CONVERSATIONS_LISTED: "Somebody looked through the list of the organisation's conversations.",
    Event.CONVERSATION_CHANGED: "A person renamed a conversation, or went to another branch of it.",
    Event.CONVERSATION_CREATED: "A person started a conversation.",
    Event.CONVERSATION_DELETED: "A person deleted a conversation of their own.",
    Event.CONVERSATION_EXPORTED: "A person took a copy of a conversation.",
    Event.CONVERSATION_REVIEWED: "Somebody else than its owner opened a conversation; the owner can see it.",
    Event.CONVERSATION_SHARED: "A person shared a conversation inside the organisation, or stopped sharing it.",
    Event.DATA_LABEL_REMOVED: "Nothing is demanded any more of providers for a data label.",
    Event.DATA_LABEL_SET: "What providers must grant that see what bears a data label was set.",
    Event.DOCUMENT_APPROVED: "A document that was held back was released to be indexed.",
    Event.DOCUMENT_CANCELLED: "A document on its way, or a new version of one, was cancelled.",
    Event.DOCUMENT_DELETED: "A document was removed from the store and from the index.",
    Event.DOCUMENT_FAILED: "A document could not be read; the reason's code is in the facts.",
    Event.DOCUMENT_HELD: "Parts of a document could not be read, so it was held back; codes of what is missing are in the facts.",
    Event.DOCUMENT_INDEXED: "A document became searchable; codes of what was not read are in the facts.",
    Event.DOCUMENT_LABELLED: "A document's labels were changed; how many it has is in the facts.",
    Event.DOCUMENT_MOVED: "A document was moved to another collection.",
    Event.DOCUMENT_OPENED: "A person opened a document, or one of its passages, in the reader.",
    Event.DOCUMENT_QUARANTINED: "A document held something that must not be there and was held back.",
    Event.DOCUMENT_RECEIVED: "A document was uploaded, sealed and queued.",
    Event.DOCUMENT_RETRIED: "A document that failed, or was read in part, was queued again.",
    Event.FACTOR_ADDED: "A person added a second factor.",
    Event.FACTOR_REMOVED: "A second factor was removed.",
    Event.FEEDBACK_GIVEN: "A person said whether an answer was good.",
    Event.GROUP_CHANGED: "A group's name or members changed.",
    Event.GROUP_CREATED: "A group was created.",
    Event.GROUP_DELETED: "A group was deleted; what was open to it alone is open to nobody.",
    Event.IDENTITY_CONFIRMED: "A signed-in person proved again who they are.",
    Event.INDEX_CHANGE_BEGUN: "Somebody began to change the model that an organisation is searched by.",
    Event.INDEX_CHANGE_CANCELLED: "A change of the search index to another model was cancelled; the old one goes on.",
    Event.INDEX_CHANGE_FAILED: "A change of the search index to another model failed; the old one goes on. Why is in the facts.",
    Event.INDEX_SWITCHED: "Every passage had a vector of the new model, and searches use it from now on.",
    Event.INVITATION_ACCEPTED: "An invited person joined.",
    Event.INVITATION_CREATED: "A person was invited by a single-use link.",
    Event.INVITATION_REVOKED: "An invitation was taken back.",
    Event.KEYS_READ: "Somebody looked at the inventory of keys, which holds no key.",
    Event.KEY_CREATED: "A key was made: an organisation's key-encryption key (kek) or data key (dek), or one that signs the log (signing).",
    Event.KEY_DESTROYED: "A key was destroyed; what only it opened is lost for ever.",
    Event.KEY_DESTRUCTION_DECIDED: "A second owner granted or refused the destruction of the organisation's keys, or who asked took it back.",
    Event.KEY_DESTRUCTION_REQUESTED: "An owner asked for the destruction of the organisation's keys.",
    Event.KEY_FILES_EXPORTED: "The operator copied the key files, which are wrapped by the root key.",
    Event.KEY_ROTATED: "A rotation ended: everything is sealed under the new key (the level is in the facts).",
    Event.KEY_ROTATION_BEGUN: "A rotation of keys began.",
    Event.LOG_EXPORTED: "The log, or a part of it, was exported; which part is in the facts, the package is the subject.",
    Event.LOG_EXPORT_READY: "A package of the log was written; how many entries it shows, of which size of the log, is in the facts.",
    Event.LOG_EXPORT_TAKEN: "Somebody downloaded a package of the log, or a part of it.",
    Event.LOG_KEY_CHANGED: "The key that signs this log was replaced; the old one's signature of the new one is in the facts.",
    Event.LOG_READ: "Somebody read this log.",
    Event.MEMBER_ADDED: "A person joined the organisation.",
    Event.MEMBER_REMOVED: "A person left the organisation; their sessions ended at once.",
    Event.MEMBER_RESTORED: "A person who had been removed was let in again.",
    Event.MODEL_ALIAS_CHANGED: "A name of models was made, changed or taken away; which models it stands for is in the facts.",
    Event.MODEL_ALLOWED: "A provider's model, or with * all of them, may be called from now on.",
    Event.MODEL_FORBIDDEN: "A provider's model may no longer be called.",
    Event.ORGANISATION_CREATED: "An organisation was created with its first owner.",
    Event.ORGANISATION_RENAMED: "An organisation got another name.",
    Event.ORGANISATION_RESUMED: "A platform operator opened an organisation again.",
    Event.ORGANISATION_SUSPENDED: "A platform operator closed an organisation; its sessions ended.",
    Event.OWN_KEYS_SET: "An operator said whether an organisation may, or must, use provider keys of its own.",
    Event.PASSAGES_RETRIEVED: "Passages were searched, for a question (the subject) or by a person; their ids are in the facts.",
    Event.PASSWORD_CHANGED: "A person changed their password; their other sessions ended.",
    Event.PASSWORD_RESET: "A person set a new password by a reset link; all their sessions ended.",
    Event.PASSWORD_RESET_CREATED: "A single-use link for a new password was made for a person.",
    Event.PROFILE_CHANGED: "A person changed their name, language or time zone.",
    Event.PROVIDER_CHANGED: "A model provider's name or address changed; with the address, its keys were given anew.",
    Event.PROVIDER_CREATED: "A model provider was added.",
    Event.PROVIDER_KEY_CHANGED: "The label, weight or expiry of a provider's key changed.",
    Event.PROVIDER_KEY_CHECKED: "A provider's key was tried at the provider; what came of it is in the facts.",
    Event.PROVIDER_KEY_CREATED: "A key to a model provider was sealed; the facts name its fingerprint, never the key.",
    Event.PROVIDER_KEY_DESTROYED: "The sealed value of a provider's key was erased; its fingerprint stays.",
    Event.PROVIDER_KEY_EXPIRING: "A provider's key expires soon, or has expired; people were reminded, once.",
    Event.PROVIDER_KEY_REPLACED: "A provider's key was replaced by another one; the former is revoked.",
    Event.PROVIDER_KEY_REVEAL_REFUSED: "Somebody asked to be shown a provider's key. Nobody is.",
    Event.PROVIDER_KEY_REVOKED: "A provider's key was revoked; no call gets it any more.",
    Event.PROVIDER_REMOVED: "A model provider was removed, and its keys with it.",
    Event.QUESTION_ANSWERED: "A question was answered, abstained from, or stopped.",
    Event.QUESTION_ASKED: "A person asked a chatbot a question.",
    Event.RECOVERY_CODES_REPLACED: "A person made new recovery codes; the old ones ended.",
    Event.REVIEW_DECIDED: "A second administrator granted or refused a look into a conversation, or the end of the works-council mode.",
    Event.REVIEW_REQUESTED: "An administrator asked to look into a conversation, or to end the works-council mode.",
    Event.ROLE_CHANGED: "A person's role changed.",
    Event.ROOT_KEY_EXCHANGED: "Every key file was wrapped by another root key; the old one opens nothing.",
    Event.SECOND_FACTOR_FAILED: "A sign-in's second factor was wrong.",
    Event.SERVICE_ACCOUNT_CREATED: "An account for a program was created.",
    Event.SESSIONS_CLOSED: "All sessions of a person were ended by an administrator.",
    Event.SESSION_CLOSED: "A session was ended, by its person or for them.",
    Event.SESSION_OPENED: "A person signed in.",
    Event.SETTINGS_CHANGED: "The organisation's settings changed; before and after are in the facts.",
    Event.SETUP_LINK_CREATED: "The operator's console issued a single-use set-up link.",
    Event.SIGN_IN_FAILED: "A sign-in failed: unknown person or wrong password.",
    Event.SIGN_IN_LOCKED: "An account or an address was locked because too many sign-ins had failed.",
    Event.TOKEN_CREATED: "An API token was created; its scopes are in the facts.",
    Event.TOKEN_MISPLACED: "An API token was shown from elsewhere than its networks; noted once a minute.",
    Event.TOKEN_REVOKED: "An API token was revoked.",
    Event.UPLOAD_BEGUN: "Somebody began to upload a file in parts.",
    Event.UPLOAD_DISCARDED: "An unfinished upload was discarded with the parts that had arrived.",
    Event.VERSION_DELETED: "A version of a document that was not in force was deleted with its file.",
    Event.VERSION_RECEIVED: "A new version of a document was uploaded, sealed and queued; the old one stays until it is ready.",
    Event.VERSION_RESTORED: "An earlier version of a document was queued again as its newest one.",
}
