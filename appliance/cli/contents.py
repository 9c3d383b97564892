"""What the console offers, by name and in words: all that `appliance --help` and the Tab key need to know.

A command is loaded when somebody means it. Most stand on the whole house, which takes a second and more of processor to
import; a health check asks every half minute, and help should come at once.
"""

import importlib
from collections.abc import Iterator

import click

COMMANDS: dict[str, tuple[str, str, str]] = {  # the module, what it calls the command, the first sentence of its help
    "ask": ("use", "ask", "Ask the first chatbot; the answer streams, its sources follow."),
    "audit-export": (
        "use",
        "audit_export",
        "Write an organisation's audit log to a file that `python -m appliance.proof FILE` checks offline.",
    ),
    "backup": ("backups", "backup", "Write database and sealed files to one FILE."),
    "completion": (
        "people",
        "completion",
        'Print what completes commands in SHELL: eval "$(appliance completion bash)".',
    ),
    "config": ("operate", "config", "Look at the settings."),
    "doctor": ("operate", "doctor", "Check host, secrets, keys, models, parser and database."),
    "eval": (
        "evaluate",
        "evaluation",
        "Measure retrieval on a set of labelled questions: recall@k, nDCG@10, MRR.",
    ),
    "ingest": (
        "ingest",
        "ingest",
        "Add files, and folders with all that is in them, and wait until each is ready, failed or held back.",
    ),
    "migrate": (
        "operate",
        "migrate",
        "Check the database, create its roles, and bring it to this version's schema.",
    ),
    "models": ("models", "models", "The local embedding models: which there are, which are installed."),
    "operator": (
        "people",
        "operator",
        "The platform's operators: they create organisations and see counts, and read no organisation's content.",
    ),
    "ready": ("operate", "ready", "Exit with 0 if the web site answers and all it stands on does, else with 1."),
    "reset-password": ("people", "reset_password", "Print a link to a new password for EMAIL, once, within 24 hours."),
    "restore": (
        "backups",
        "restore",
        "Restore a backup FILE into an empty data directory that holds its root.key and keys in `secrets`.",
    ),
    "run": ("operate", "run", "Start the database, the web site and the worker, and print the URL to open."),
    "scan": ("scan", "scan", "Look for personal, payment and health data, credentials and markings in files and folders; nothing is kept."),
    "setup": ("operate", "setup", "Print a new single-use link that creates an organisation and its owner."),
    "vault": ("vault", "vault", "Look after the root key and the key files under it."),
}
# The API's rooms, each with its command and what that is about.
GROUPS: dict[str, tuple[str, str]] = {
    "access_reviews": ("access-review", "Reviews of who has access."),
    "audit": ("audit", "The log."),
    "batches": ("batch", "Files that were uploaded together."),
    "break_glass": ("break-glass", "Owners who still sign in by password while sign-on is enforced."),
    "budgets": ("budget", "Budgets of tokens and money, and how fast programs may call."),
    "calls": ("call", "What calls to providers said, where the organisation keeps it."),
    "chatbots": ("bot", "Chatbots."),
    "collections": ("collection", "Where documents live, and who may read them."),
    "contracts": ("contract", "What providers grant the organisation."),
    "conversations": ("conversation", "One's own conversations."),
    "data_labels": ("data-label", "What labels of data demand of providers."),
    "documents": ("document", "Documents."),
    "dry_runs": ("dlp dry-run", "A draft of a policy, tried over stored documents, or recent conversations and calls."),
    "evidence": ("evidence", "Evidence for the controls, and what whoever runs the host files as such."),
    "findings": ("finding", "What was found in documents, decided and reported; what is asked of uploads."),
    "gateway": ("gateway", "Which models may be called, by which names, and what they used."),
    "groups": ("group", "Groups of people."),
    "jobs": ("job", "What the worker has to do."),
    "keys": ("keys", "The keys that what is stored is sealed under; --in platform for the platform's own."),
    "me": ("me", "Whoever is named by --as."),
    "organisation": ("org", "The organisation: name, settings, budget, usage, models."),
    "overview": ("overview", "The organisation in numbers."),
    "passages": ("passage", "Passages of all documents that --as may read."),
    "people": ("user", "People and invitations."),
    "platform": ("platform", "For the platform's operators: organisations in numbers."),
    "policies": ("dlp policy", "What is to become of what is found: the policy in force, its draft, its history."),
    "providers": ("provider", "Model providers and the keys to them; --in platform for the shared ones."),
    "provisioning": ("provisioning", "How identity providers provision people and groups."),
    "reviews": ("review", "Other people's conversations, as far as the settings allow."),
    "roles": ("role", "Roles of the organisation's own."),
    "rules": ("rule", "What a model call may do, for everybody and for groups."),
    "scans": ("dlp", "What must not be uploaded or sent, and the organisation's own words, expressions and values."),
    "session_policy": ("session-policy", "How people sign in, and who did."),
    "sign_on": ("sign-on", "Identity providers by which people come in, and the domains of their addresses."),
    "sinks": ("sink", "Streams of the audit log to a SIEM; --in platform for the operator's own."),
    "support": ("support", "Operators of the platform whom an owner lets in, for hours."),
    "tokens": ("token", "API tokens and service accounts."),
    "uploads": ("upload", "Large files that come in parts."),
    "usage": ("usage", "What models used and cost."),
}

OWN: dict[str, str] = {"audit": "anchors", "break_glass": "breakglass", "evidence": "evidence", "policies": "policy", "sign_on": "sign_on"}
"""Modules of commands that only whoever runs the host has, beside those of a room of the API."""


class Later(click.Command):
    """A command that is not loaded yet: what it is called and about. `Console` loads it before it is run."""

    def __init__(self, name: str, words: str) -> None:
        super().__init__(name, help=words)

    def loaded(self) -> click.Command:
        """Import what it is."""
        module, attribute, _ = COMMANDS[str(self.name)]
        found: click.Command = getattr(importlib.import_module(f"appliance.cli.{module}"), attribute)
        return found


class LaterRoom(Later):
    """The operations of a room of the API, which are not loaded yet."""

    def __init__(self, tag: str) -> None:
        name, words = GROUPS[tag]
        super().__init__(name, words)
        self._tag = tag

    def loaded(self) -> click.Command:
        """Make a command of each operation, and the rooms that are inside of this one."""
        room = _whole(self._tag)
        for tag, (name, _) in GROUPS.items():
            if name.startswith(f"{self.name} "):
                room.add_command(_whole(tag))
        return room


def _whole(tag: str) -> click.Group:
    from appliance.cli import verbs

    room = verbs.room(tag)
    if module := OWN.get(tag):
        importlib.import_module(f"appliance.cli.{module}").add_to(room)
    return room


class Console(click.Group):
    """All commands, of which only the one that is meant gets loaded."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments begin with."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found.loaded() if isinstance(found, Later) else found, rest


def all_of_them() -> Iterator[Later]:
    """Yield every command of the console."""
    for name, (_, _, words) in COMMANDS.items():
        yield Later(name, words)
    for tag, (name, _) in GROUPS.items():
        if " " not in name:  # a room inside of another's comes with that one
            yield LaterRoom(tag)
