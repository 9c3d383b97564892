"""Wiping the place where conversations stood in the clear, once all of them are sealed (decision 0019).

An emptied row leaves its old words in the table's file until something is written over them, and VACUUM only lets go of
them. So each table is rewritten once, with its indexes, by the owner: the migrator's round does it, as the worker owns
nothing. It locks a table for as long as copying it takes; one that is in use at that moment is left for the next round.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

_TABLES = ("citations", "messages", "conversations", "feedback", "review_requests", "conversation_views")
_LOCK = 0x434C4F574950  # one run at a time, whichever host it is on
_SETTINGS = (
    "SET ROLE cloister_owner",
    "SET search_path = cloister, public",
    "SET statement_timeout = 0",
    "SET lock_timeout = '2s'",  # whoever waits for a table behind us waits no longer than this
    "SET maintenance_work_mem = '256MB'",
)


@dataclass(frozen=True)
class Wiped:
    """Which tables a run rewrote, and which were in use."""

    rewritten: tuple[str, ...] = ()
    in_use: tuple[str, ...] = ()


def wipe(url: str) -> Wiped:
    """Rewrite what held plain text, if nothing plain is left and it was not done; nothing while another run is at it."""
    with psycopg.connect(url, autocommit=True, application_name="cloister-wipe") as connection:
        if connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone() != (True,):
            return Wiped()
        if connection.execute("SELECT cloister.plain_text_state()").fetchone() != ("emptied",):
            return Wiped()
        for setting in _SETTINGS:
            connection.execute(setting.encode())
        rewritten, in_use = list[str](), list[str]()
        for table in _TABLES:
            try:
                connection.execute(sql.SQL("VACUUM (FULL, ANALYZE) {}").format(sql.Identifier(table)))
            except psycopg.errors.LockNotAvailable:
                in_use.append(table)
            else:
                rewritten.append(table)
        if not in_use:
            connection.execute("RESET ROLE")
            connection.execute("SELECT cloister.note_plain_text_wiped()")
        return Wiped(tuple(rewritten), tuple(in_use))
