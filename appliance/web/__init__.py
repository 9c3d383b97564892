"""The door for people: a private intranet site, rendered on the server."""

from pathlib import Path

from flask import Flask

from appliance.web import (
    access_reviews,
    account,
    assets,
    audit,
    batches,
    break_glass,
    budgets,
    calls,
    chatbots,
    collections,
    confirmation,
    contracts,
    conversations,
    data_protection,
    documents,
    evidence,
    findings,
    groups,
    headers,
    jobs,
    joining,
    keys,
    language,
    models,
    overview,
    own_rules,
    people,
    platform,
    playground,
    policy_drafts,
    proof,
    providers,
    provisioning,
    render,
    reviews,
    roles,
    rules,
    scans,
    search,
    session_policy,
    sessions,
    sign_on,
    signin,
    sinks,
    sso,
    sso_saml,
    support,
    system,
    tokens,
    trials,
    uploads,
    usage,
)

ROOMS = (
    access_reviews, account, audit, batches, break_glass, budgets, calls, chatbots, collections, confirmation, contracts, conversations, data_protection, documents,
    evidence, findings, groups, jobs,
    joining, keys, models, overview, own_rules, people, platform, playground, policy_drafts, proof, providers, provisioning, reviews, roles, rules, scans, search,
    session_policy, sign_on, signin, sinks, sso, sso_saml, support, system, tokens, trials, uploads, usage,
)  # fmt: skip


def install(app: Flask) -> None:
    """Register the pages, the guard in front of them, and the headers on every answer."""
    sessions.install(app)
    headers.install(app)
    language.install(app)
    render.install(app)
    assets.install(app, Path(__file__).parent / "static")
    for room in ROOMS:
        app.register_blueprint(room.blueprint)
