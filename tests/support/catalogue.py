"""The isolation catalogue, asked over a plain connection of psycopg's."""

from typing import Any

import psycopg

from appliance.evidence import isolation


def faults(connection: "psycopg.Connection[Any]") -> list[str]:
    """Return every broken rule; none means isolated."""

    def ask(query: str, *values: object) -> list[Any]:
        return connection.execute(query, values or None).fetchall()

    return isolation.faults(ask)
