"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import (
    audit,
    batches,
    budgets,
    chatbots,
    collections,
    conversations,
    documents,
    gateway,
    groups,
    jobs,
    keys,
    me,
    organisation,
    overview,
    passages,
    people,
    platform,
    providers,
    reviews,
    tokens,
    uploads,
    usage,
)

ROOMS = (
    audit, batches, budgets, chatbots, collections, conversations, documents, gateway, groups, jobs, keys, me, organisation, overview, passages,
    people, platform, providers, reviews, tokens, uploads, usage,
)  # fmt: skip
