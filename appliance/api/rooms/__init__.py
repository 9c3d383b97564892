"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import (
    audit,
    chatbots,
    collections,
    conversations,
    documents,
    groups,
    jobs,
    me,
    organisation,
    overview,
    people,
    platform,
    reviews,
    tokens,
)

ROOMS = (
    audit, chatbots, collections, conversations, documents, groups, jobs, me, organisation, overview, people, platform,
    reviews, tokens,
)  # fmt: skip
