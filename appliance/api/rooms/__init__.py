"""The operations, a module for each room. Importing one declares its operations."""

from appliance.api.rooms import (
    audit,
    batches,
    budgets,
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
    usage,
)

ROOMS = (
    audit, batches, budgets, chatbots, collections, contracts, conversations, data_labels, documents, gateway, groups, jobs,
    keys, me, organisation, overview, passages, people, platform, providers, reviews, rules, tokens, uploads, usage,
)  # fmt: skip
