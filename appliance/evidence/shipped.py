"""What the database does by itself, compared with what this version shipped: bodies of functions, triggers, rules.

The migrations are the source: they lie beside the code, and the newest definition of a function there is the one that must be
in force. So a door whose body somebody replaced is found, a guard that was dropped, disabled or emptied, and a rule or trigger
that swallows entries or copies them elsewhere. Like the rest of the catalogue it is no proof against a superuser who puts back
what was changed before it is looked at; for that there are the tree and its witnesses.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import appliance

Ask = Callable[..., list[Any]]

_TREE: Final = Path(appliance.__file__).parent.parent / "migrations"
_FUNCTION: Final = re.compile(
    r"CREATE\s+(?:OR\s+REPLACE\s+)?FUNCTION\s+(?:cloister\.)?(\w+)\s*\(.*?\bAS\s+(\$\w*\$)(.*?)\2", re.IGNORECASE | re.DOTALL
)
_SQL_FILE: Final = re.compile(r"\b(\w+\.sql)\b")
_QUEUE: Final = "procrastinate_"
"""What the queue's library defines is its own: it guards nothing of ours, and opens nothing."""

# pg_trigger.tgtype: 1 for each row (else statement), 2 before, 4 insert, 8 delete, 16 update, 32 truncate.
_NO_CHANGE, _NO_REMOVAL, _NO_UPDATE, _BEFORE_ROW = 2 + 8 + 16 + 32, 2 + 8 + 32, 2 + 16 + 32, 1 + 2 + 4 + 16
GUARDS: Final[dict[tuple[str, str], tuple[str, int]]] = {
    **{
        (table, "append_only"): ("refuse_change", _NO_CHANGE)
        for table in (
            "access_review_decisions", "access_review_items", "audit_checkpoints", "audit_cosignatures", "audit_epochs", "audit_log",
            "audit_log_keys", "audit_nodes", "audit_time_stamps", "dlp_policies", "evidence_reports",
        )
    },
    ("audit_heads", "never_removed"): ("refuse_change", _NO_REMOVAL),
    ("audit_inbox", "append_only"): ("refuse_change", _NO_UPDATE),
    ("data_keys", "guard_key_end"): ("guard_key_end", _BEFORE_ROW),
    ("key_encryption_keys", "guard_key_end"): ("guard_key_end", _BEFORE_ROW),
    ("procrastinate_jobs", "jobs_rank"): ("rank_job", 1 + 2 + 4),
}  # fmt: skip


def faults(ask: Ask) -> Iterator[str]:
    """Yield every difference."""
    yield from _bodies(ask)
    yield from _triggers(ask)
    for table, rule in ask(
        "SELECT ev_class::regclass::text, rulename::text FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class "
        "WHERE rulename <> '_RETURN' AND relnamespace IN ('cloister'::regnamespace, 'public'::regnamespace)"
    ):
        yield f"{table}: rule {rule} stands before what is written"
    for (name,) in ask("SELECT evtname::text FROM pg_event_trigger"):
        yield f"event trigger {name}: not ours"


def digests() -> dict[str, str]:
    """Return the digest of each function's body as this version ships it, by name."""
    return {name: sha256(body.encode()).hexdigest() for name, body in _shipped().items()}


def _bodies(ask: Ask) -> Iterator[str]:
    shipped = digests()
    for signature, name, body, is_door in ask(
        "SELECT oid::regprocedure::text, proname::text, prosrc, prosecdef FROM pg_proc WHERE pronamespace IN ('cloister'::regnamespace, "
        "'public'::regnamespace) AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e') ORDER BY 1"
    ):
        if name.startswith(_QUEUE) and not is_door:
            continue
        if name not in shipped:
            yield f"function {signature}: not shipped with this version"
        elif sha256(body.encode()).hexdigest() != shipped[name]:
            yield f"function {signature}: its body is not the shipped one"


def _triggers(ask: Ask) -> Iterator[str]:
    found = {
        (table, trigger): (function, kind, enabled, condition)
        for table, trigger, function, kind, enabled, condition in ask(
            "SELECT relname::text, tgname::text, proname::text, tgtype::int, tgenabled::text, tgqual IS NOT NULL FROM pg_trigger "
            "JOIN pg_class c ON c.oid = tgrelid JOIN pg_proc p ON p.oid = tgfoid "
            "WHERE NOT tgisinternal AND relnamespace IN ('cloister'::regnamespace, 'public'::regnamespace)"
        )
    }
    for (table, trigger), (function, kind) in GUARDS.items():
        if (table, trigger) not in found:
            yield f"{table}: trigger {trigger} is missing"
        elif found[table, trigger] != (function, kind, "O", False):
            yield f"{table}: trigger {trigger} is off, or another one than was shipped"
    for table, trigger in found.keys() - GUARDS.keys():
        if not (table.startswith(_QUEUE) and found[table, trigger][0].startswith(_QUEUE)):
            yield f"{table}: trigger {trigger} is not ours"


@cache
def _shipped() -> dict[str, str]:
    """Return the newest body of each function: migrations in their order, each with the files that it names."""
    found: dict[str, str] = {}
    for version in sorted((_TREE / "versions").glob("[0-9]*.py")):
        text = version.read_text(encoding="utf-8")
        for name in dict.fromkeys(_SQL_FILE.findall(text)):
            path = _TREE / "sql" / "functions" / name
            if path.exists():
                found |= {match[1]: match[3] for match in _FUNCTION.finditer(path.read_text(encoding="utf-8"))}
        found |= {match[1]: match[3] for match in _FUNCTION.finditer(text)}
    return found
