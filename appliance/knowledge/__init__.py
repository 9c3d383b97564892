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
from appliance.knowledge.places import NOWHERE, Places
from appliance.knowledge.queries import (
    collections_of,
    count_documents,
    counts,
    existing_passages,
    find_passage,
    get_document,
    list_documents,
    list_page,
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
    PageImage,
    PageView,
    Passage,
    Rectangle,
    Sort,
    Status,
    UnreadPart,
    Work,
)
from appliance.knowledge.viewing import WIDTHS, is_paged, page_image, view_page
from appliance.knowledge.work import list_work

__all__ = [
    "ERASE",
    "INGEST",
    "NOWHERE",
    "WIDTHS",
    "Audience",
    "Collection",
    "CollectionForm",
    "CollectionId",
    "Document",
    "DocumentCounts",
    "DocumentFilter",
    "DocumentId",
    "Found",
    "PageImage",
    "PageView",
    "Passage",
    "Places",
    "Rectangle",
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
    "find_passage",
    "get_collection",
    "get_document",
    "ingest",
    "is_paged",
    "list_collections",
    "list_documents",
    "list_page",
    "list_passages",
    "list_work",
    "move",
    "opened",
    "page_image",
    "readable_collections",
    "reason_of",
    "receive",
    "retry",
    "search",
    "settle_stranded",
    "sweep_orphans",
    "view_page",
]  # fmt: skip
