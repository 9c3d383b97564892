"""Documents: received, sealed, read in a confined process, cut, embedded, found.

Trusted: this process. Not trusted: every uploaded byte, and the parser once it has touched one. A document is
searchable only when it is whole: chunks, vectors and postings appear in one transaction with its status.
"""

from appliance.knowledge.collections import (
    change_collection,
    create_collection,
    create_first_collection,
    delete_collection,
    get_collection,
    list_collections,
    readable_collections,
)
from appliance.knowledge.flow import ERASE, INGEST, erase, ingest, settle_stranded, sweep_orphans
from appliance.knowledge.queries import (
    collections_of,
    count_documents,
    counts,
    existing_passages,
    get_document,
    list_documents,
    list_passages,
    reason_of,
)
from appliance.knowledge.retrieval import Found, search
from appliance.knowledge.service import Upload, approve, delete, move, opened, receive, retry
from appliance.knowledge.values import (
    Audience,
    Collection,
    CollectionForm,
    CollectionId,
    Document,
    DocumentCounts,
    DocumentFilter,
    DocumentId,
    Passage,
    Sort,
    Status,
    UnreadPart,
    Work,
)
from appliance.knowledge.work import list_work

__all__ = [
    "ERASE",
    "INGEST",
    "Audience",
    "Collection",
    "CollectionForm",
    "CollectionId",
    "Document",
    "DocumentCounts",
    "DocumentFilter",
    "DocumentId",
    "Found",
    "Passage",
    "Sort",
    "Status",
    "UnreadPart",
    "Upload",
    "Work",
    "approve",
    "change_collection",
    "collections_of",
    "count_documents",
    "counts",
    "create_collection",
    "create_first_collection",
    "delete",
    "delete_collection",
    "erase",
    "existing_passages",
    "get_collection",
    "get_document",
    "ingest",
    "list_collections",
    "list_documents",
    "list_passages",
    "list_work",
    "move",
    "opened",
    "readable_collections",
    "reason_of",
    "receive",
    "retry",
    "search",
    "settle_stranded",
    "sweep_orphans",
]  # fmt: skip
