"""Which of the API's operations do what a page does, or why none does.

A page that shows several things names the operation first whose permission it asks for before it shows anything.
"""

from appliance.api.framework import OPERATIONS, Operation

OPERATIONS_OF = {
    "GET account.show": ("get_me", "list_places", "list_own_sessions", "list_own_factors"),
    "POST account.change_profile": ("change_profile",),
    "POST account.end_session": ("close_own_session",),
    "GET audit.show": ("list_audit_entries", "list_people"),
    "GET chatbots.show": ("list_drafts", "list_models", "list_collections", "list_groups"),
    "POST chatbots.add": ("create_chatbot",),
    "GET chatbots.edit": ("get_draft", "list_models", "list_collections", "list_groups", "get_organisation"),
    "POST chatbots.change": ("change_chatbot",),
    "POST chatbots.create_archival": ("archive_chatbot",),
    "POST chatbots.create_copy": ("duplicate_chatbot",),
    "POST chatbots.create_publication": ("publish_chatbot",),
    "POST chatbots.end_archival": ("unarchive_chatbot",),
    "POST chatbots.try_out": ("try_draft",),
    "GET collections.show": ("list_collections", "list_groups"),
    "POST collections.add": ("create_collection",),
    "GET collections.read": ("get_collection", "list_groups"),
    "POST collections.change": ("change_collection",),
    "POST collections.create_deletion": ("delete_collection",),
    "GET conversations.show": ("list_conversations", "list_chatbots", "get_organisation"),
    "POST conversations.add": ("start_conversation",),
    "GET conversations.read": (
        "get_conversation",
        "list_messages",
        "list_openings",
        "list_chatbots",
        "get_organisation",
    ),
    "POST conversations.ask": ("ask_question",),
    "POST conversations.ask_temporary": ("ask_temporarily",),
    "POST conversations.create_deletion": ("delete_conversation",),
    "POST conversations.create_feedback": ("give_feedback",),
    "POST conversations.create_sharing": ("share_conversation",),
    "POST conversations.end_sharing": ("unshare_conversation",),
    "GET conversations.export": ("export_conversation",),
    "POST conversations.rename": ("rename_conversation",),
    "POST conversations.retry": ("retry_answer",),
    "POST conversations.switch": ("switch_branch",),
    "GET conversations.temporary": ("get_chatbot", "get_organisation"),
    "GET documents.show": ("list_documents", "list_collections"),
    "POST documents.add": ("add_documents",),
    "POST documents.change_collection": ("move_document",),
    "POST documents.create_approval": ("approve_document",),
    "POST documents.create_deletion": ("delete_document",),
    "POST documents.create_retry": ("retry_document",),
    "GET documents.read": ("get_document", "list_passages", "list_collections"),
    "GET documents.rows": ("list_documents", "list_collections"),
    "GET groups.show": ("list_groups",),
    "POST groups.add": ("create_group",),
    "GET groups.read": ("get_group", "list_people"),
    "POST groups.change": ("change_group",),
    "POST groups.create_deletion": ("delete_group",),
    "GET jobs.show": ("list_jobs",),
    "GET overview.show": ("get_overview", "list_days"),
    "GET people.show": ("list_people", "list_invitations", "list_groups"),
    "POST people.change_role": ("change_role",),
    "POST people.create_password_reset": ("create_password_reset",),
    "POST people.create_removal": ("remove_person",),
    "POST people.create_restoration": ("restore_person",),
    "POST people.end_sessions": ("close_sessions",),
    "POST people.invite": ("create_invitation",),
    "GET people.read": ("get_person", "list_sessions", "list_factors", "list_groups"),
    "POST people.remove_factors": ("remove_factors",),
    "POST people.revoke_invitation": ("revoke_invitation",),
    "GET platform.show": ("list_organisations",),
    "POST platform.add": ("create_organisation",),
    "POST platform.resume": ("resume_organisation",),
    "POST platform.suspend": ("suspend_organisation",),
    "GET reviews.show": ("list_reviews", "list_requests", "get_organisation"),
    "POST reviews.create_opening": ("open_review",),
    "POST reviews.create_request": ("request_review",),
    "POST reviews.end_mode": ("request_end_of_mode",),
    "GET reviews.read": ("get_review", "list_requests", "get_organisation"),
    "GET reviews.read_opened": ("read_opened", "get_organisation"),
    "GET system.settings": ("get_settings", "get_budget", "get_usage", "list_models", "get_host", "get_organisation"),
    "POST system.change_budget": ("change_budget",),
    "POST system.change_privacy": ("change_settings",),
    "POST system.rename": ("rename_organisation",),
    "GET tokens.show": ("list_tokens", "list_people", "list_groups"),
    "POST tokens.add": ("create_token",),
    "POST tokens.add_service_account": ("create_service_account",),
    "POST tokens.revoke": ("revoke_token",),
}

_FACTOR = "whoever copied a token must not become its person: factors change at a browser, after a fresh proof"
_LINK = "the holder of a single-use link has no account or password yet, and no token"
_SIGN_IN = "a browser's own way in; a program has its token"
_WATCH = "a door of its own for whatever watches the house, without a token"

LEFT_TO_PEOPLE = {
    "POST account.add_passkey_page": _FACTOR,
    "POST account.add_recovery_codes": _FACTOR,
    "POST account.add_totp": _FACTOR,
    "POST account.change_password": "whoever copied a token must not become its person: a password changes at a browser",
    "POST account.create_confirmation": _FACTOR,
    "POST account.create_removal": _FACTOR,
    "POST account.enter": "it moves a browser's session; a token is of one organisation, and another has its own",
    "POST account.finish_passkey": _FACTOR,
    "GET api.guide": "it is the page that explains the API",
    "GET api.openapi": "it is the API's own description",
    "POST confirmation.confirm": "it proves who is at a browser; a token was given with such a proof",
    "GET health.livez": _WATCH,
    "GET health.metrics": _WATCH,
    "GET health.readyz": _WATCH,
    "POST joining.accept": _LINK,
    "GET joining.new_password": _LINK,
    "POST joining.reset": _LINK,
    "GET joining.show": _LINK,
    "POST reviews.decide": "the second person is a person at a browser: a token, or --as, could be the first one again",
    "POST signin.finish_sign_in": _SIGN_IN,
    "POST signin.found": _LINK,
    "GET signin.second_step": _SIGN_IN,
    "GET signin.setup": _LINK,
    "POST signin.sign_in": _SIGN_IN,
    "GET signin.sign_in_page": _SIGN_IN,
    "POST signin.sign_out": "it ends a browser's session; a program ends others with close_own_session",
    "GET static": "our own style and script",
}

FOUND_OTHERWISE = {  # what a page reads by a query of its own, and a program by another
    ("GET audit.show", "names_of"): "names of some people; list_people names all",
    ("GET conversations.read", "chatbot_name"): "list_chatbots says the name",
    ("GET documents.rows", "count_documents"): "how many pages there are; a program follows the cursor to the end",
    ("GET documents.show", "count_documents"): "how many pages there are; a program follows the cursor to the end",
}

FOR_PROGRAMS_ONLY = {
    "export_audit": "at the console until the page of the log offers it: `appliance audit-export`",
}

BY_NAME: dict[str, Operation] = {one.name: one for one in OPERATIONS}


def guard_of(page: str) -> Operation:
    """Return the operation whose permission a page asks for."""
    return BY_NAME[OPERATIONS_OF[page][0]]
