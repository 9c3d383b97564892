"""A law: whatever is sealed stands on a shelf, so that no rotation leaves a value under a key that is then destroyed."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator

import appliance
from appliance.kernel.sealing import SealedColumn
from appliance.vault.shelves import ColumnShelf
from tests.support.house import House, Server
from tests.support.product import ROOT

_DIGEST = "a digest: nothing opens it"
# Columns of bytes that the vault does not seal, and why a rotation has nothing to do there.
NOT_SEALED = {
    "access_reviews.digest": _DIGEST,
    "api_tokens.digest": _DIGEST,
    "audit_disclosures.sealed": "sealed under its subject's key, which is on a shelf",
    "audit_exports.digest": _DIGEST,
    "audit_heads.peaks": _DIGEST,
    "audit_heads.sealed_at": "a time",
    "audit_inbox.body": "ids and numbers in the clear: the log is proof, and is read without a key",
    "audit_log.body": "as in the inbox",
    "audit_log.leaf": _DIGEST,
    "audit_log_keys.endorsement": "a signature",
    "audit_log_keys.public": "a public key",
    "audit_nodes.hash": _DIGEST,
    "audit_time_stamps.token": "a time stamp over a checkpoint's digest: it is handed out",
    "data_keys.wrapped": "a data key under its key-encryption key; that one's rotation wraps it anew",
    "dlp_allowances.value": _DIGEST,
    "document_versions.content_digest": _DIGEST,
    "documents.content_digest": _DIGEST,
    "evidence_packages.digest": _DIGEST,
    "evidence_reports.digest": _DIGEST,
    "idempotency_keys.key_digest": _DIGEST,
    "idempotency_keys.request_digest": _DIGEST,
    "invitations.digest": _DIGEST,
    "key_encryption_keys.end_proof": "a word that the key itself sealed: it proves the key's end and goes with its file",
    "model_calls.answer_digest": _DIGEST,
    "model_calls.prompt_digest": _DIGEST,
    "password_resets.digest": _DIGEST,
    "recovery_codes.digest": _DIGEST,
    "root_key.fingerprint": _DIGEST,
    "root_key.following": _DIGEST,
    "second_factors.credential": "a passkey's public name, by which it is found",
    "sessions.digest": _DIGEST,
    "setup_links.digest": _DIGEST,
    "signing_keys.endorsement": "a signature",
    "signing_keys.public": "a public key",
    "sign_in_attempts.email_digest": _DIGEST,
    "sign_in_challenges.digest": _DIGEST,
    "sign_in_challenges.nonce": "random, good for one sign-in, and sent to the browser in the clear",
    "scim_tokens.digest": _DIGEST,
    "sso_links.digest": _DIGEST,
    "sso_seen.digest": _DIGEST,
    "sso_transactions.digest": _DIGEST,
    "upload_parts.content_digest": _DIGEST,
}
ELSEWHERE = {  # what a place is called, and the shelf that it stands on
    "blobs.content": "files",
    "second_factors.public_key": "second_factors.sealed",
    "second_factors.seed": "second_factors.sealed",
}


def shelves(house: House) -> set[str]:
    return {shelf.name for shelf in house.worker.shelves}


def test_every_column_of_bytes_is_on_a_shelf_or_says_why_not(house: House, server: Server, database: str) -> None:
    with server.connect("boot", database) as boot:
        rows = boot.execute(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'cloister'"
            " AND (data_type = 'bytea' OR column_name LIKE '%sealed%')"
        )
        columns = {str(name) for (name,) in rows}
    assert columns - shelves(house) - set(NOT_SEALED) == set(), (
        "put it on a shelf, or say why the vault does not seal it"
    )
    assert set(NOT_SEALED) - columns == set(), "there is no such column any more"
    assert shelves(house) & set(NOT_SEALED) == set()
    assert shelves(house) - columns == {"files"}


def test_every_sealed_column_that_a_room_names_is_on_a_shelf(house: House) -> None:
    named = {f"{one.table}.{one.field}" for one in sealed_columns()}
    assert named
    assert named == {shelf.name for shelf in house.worker.shelves if isinstance(shelf, ColumnShelf)}


def test_every_place_that_code_seals_at_is_on_a_shelf(house: House) -> None:
    found = set(places())
    assert {ELSEWHERE.get(one, one) for one in found} <= shelves(house), "a rotation would pass it over"
    assert set(ELSEWHERE) - found == set(), "nothing is sealed there any more"


def test_a_shelf_walks_by_the_tables_own_key(server: Server, database: str) -> None:
    """In the order that `Place` binds it, so that what is sealed anew opens; whole, so that no row is passed over."""
    with server.connect("boot", database) as boot:
        for one in sealed_columns():
            key = boot.execute(
                "SELECT attname::text, atttypid::regtype::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)"
                " WHERE indrelid = %s::regclass AND indisprimary AND attname <> 'tenant_id'", (f"cloister.{one.table}",)
            )  # fmt: skip
            assert {tuple(map(str, row)) for row in key} == set(zip(one.key, one.types, strict=True)), one


def sealed_columns() -> set[SealedColumn]:
    """Those that the rooms' modules name."""
    found = set[SealedColumn]()
    for module in pkgutil.walk_packages(appliance.__path__, "appliance."):
        if not module.name.endswith("__main__"):
            found |= {
                one for one in vars(importlib.import_module(module.name)).values() if isinstance(one, SealedColumn)
            }
    return found


def places() -> Iterator[str]:
    """Every `Place("table", "field", …)` of the code."""
    for path in (ROOT / "appliance").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Place":
                words = [one.value for one in node.args[:2] if isinstance(one, ast.Constant)]
                if len(words) == 2:
                    yield ".".join(map(str, words))
