"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import (
    audit,
    batches,
    chatbots,
    collections,
    contracts,
    conversations,
    data_labels,
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
    rules,
    tokens,
    uploads,
)

ROOMS = (
    audit, batches, chatbots, collections, contracts, conversations, data_labels, documents, gateway, groups, jobs, keys, me,
    organisation, overview, passages, people, platform, providers, reviews, rules, tokens, uploads,
)  # fmt: skip
