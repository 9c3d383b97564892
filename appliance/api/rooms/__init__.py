"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import (
    audit,
    batches,
    chatbots,
    collections,
    conversations,
    documents,
    groups,
    me,
    organisation,
    people,
    platform,
    tokens,
    uploads,
)

ROOMS = (
    audit, batches, chatbots, collections, conversations, documents, groups, me, organisation, people, platform, tokens,
    uploads,
)  # fmt: skip
