"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import (
    audit,
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
)

ROOMS = (audit, chatbots, collections, conversations, documents, groups, me, organisation, people, platform, tokens)
