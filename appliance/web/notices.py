"""What a page says after something was done; the address names it by code, so that nobody can put words into a page."""

from typing import Final

NOTICES: Final[dict[str, str]] = {
    "archived": "The chatbot is archived: nobody can talk to it.",
    "collection-deleted": "The collection is deleted.",
    "deleted": "It is deleted.",
    "document-deleted": "The document is deleted, with its passages and its place in the search.",
    "factor-removed": "The second factor is removed.",
    "factors-removed": "The person's second factors are removed. They sign in by password, and can add new ones.",
    "group-deleted": "The group is deleted.",
    "invitation-revoked": "The invitation is taken back: its link no longer works.",
    "moved": "The document is in its new collection.",
    "password": "Your password is changed, and your other sessions here have ended.",
    "profile": "Your profile is saved.",
    "published": "The draft is published: this is what people talk to now.",
    "removed": "The person is removed. Their sessions and tokens ended at once.",
    "reset": "Your password is changed. Sign in with it.",
    "restored": "The person can sign in again.",
    "resumed": "The organisation is open again.",
    "review-decided": "Your decision is recorded.",
    "review-requested": "A second administrator can now agree or refuse.",
    "role": "The role is changed.",
    "saved": "Saved.",
    "session-ended": "The session is ended.",
    "sessions-ended": "The person is signed out everywhere.",
    "shared": "Everyone in your organisation who has the address can read this conversation.",
    "suspended": "The organisation is closed. Its sessions have ended; nothing was deleted.",
    "token-revoked": "The token is revoked: it no longer works.",
    "unarchived": "The chatbot is back.",
    "unshared": "Only you can read this conversation now.",
}
