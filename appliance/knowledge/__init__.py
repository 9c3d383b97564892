"""Documents: received, sealed, read in a confined process, cut, embedded, found.

Trusted: this process. Not trusted: every uploaded byte, and the parser once it has touched one. A document is
searchable only when it is whole: chunks, vectors and postings appear in one transaction with its status.
"""

from typing import TYPE_CHECKING

from appliance.kernel.later import later

if TYPE_CHECKING:
    from appliance.knowledge.asking import ask_index
    from appliance.knowledge.batches import cancel_batch, create_batch, get_batch, list_batches, retry_batch
    from appliance.knowledge.changes import REEMBED, cancel_change, choose_model, get_index
    from appliance.knowledge.collections import (
        change_collection,
        create_collection,
        create_first_collection,
        delete_collection,
        get_collection,
        list_collections,
        readable_collections,
    )
    from appliance.knowledge.finding import MOST_FOUND, PassageFilter, find_passages
    from appliance.knowledge.flow import erase, ingest, settle_stranded, sweep_orphans
    from appliance.knowledge.formats import Kind
    from appliance.knowledge.indexes import active_model
    from appliance.knowledge.neighbours import Context, surroundings
    from appliance.knowledge.pace import timed
    from appliance.knowledge.places import NOWHERE, Places
    from appliance.knowledge.queries import (
        collections_of,
        count_documents,
        counts,
        existing_passages,
        find_passage,
        get_document,
        labels_among,
        list_documents,
        list_labels,
        list_page,
        list_passages,
        reason_of,
        versions_in_force,
    )
    from appliance.knowledge.receiving import Upload, receive, restore_version, take_in
    from appliance.knowledge.reembedding import reembed, tend_change
    from appliance.knowledge.rehearsing import StoredTexts, titles_of
    from appliance.knowledge.retrieval import Found, search
    from appliance.knowledge.scope import Scope
    from appliance.knowledge.service import approve, cancel, delete, label, move, opened, retry
    from appliance.knowledge.uploads import (
        PART_LIMIT,
        UploadForm,
        append_part,
        begin_upload,
        discard_upload,
        finish_upload,
        get_upload,
        sweep_uploads,
    )
    from appliance.knowledge.values import (
        Audience,
        Batch,
        BatchId,
        ChangeState,
        Collection,
        CollectionForm,
        CollectionId,
        Document,
        DocumentCounts,
        DocumentFilter,
        DocumentId,
        FileId,
        IndexChange,
        PageImage,
        PageView,
        PartialUpload,
        Passage,
        Receipt,
        Received,
        Rectangle,
        SearchIndex,
        Sort,
        Status,
        UnreadPart,
        UploadId,
        Version,
        Work,
        WorkSort,
    )
    from appliance.knowledge.versions import ERASE, INGEST, delete_version, list_versions
    from appliance.knowledge.viewing import WIDTHS, is_paged, page_image, view_page
    from appliance.knowledge.work import count_work, list_work

# The parser is asked for by many who want nothing else of this room: the console's checks, and the gateway's process.
__getattr__ = later(
    __name__,
    {
        "asking": ("ask_index",),
        "batches": ("cancel_batch", "create_batch", "get_batch", "list_batches", "retry_batch"),
        "changes": ("REEMBED", "cancel_change", "choose_model", "get_index"),
        "collections": (
            "change_collection", "create_collection", "create_first_collection", "delete_collection", "get_collection",
            "list_collections", "readable_collections",
        ),
        "finding": ("MOST_FOUND", "PassageFilter", "find_passages"),
        "flow": ("erase", "ingest", "settle_stranded", "sweep_orphans"),
        "formats": ("Kind",),
        "indexes": ("active_model",),
        "neighbours": ("Context", "surroundings"),
        "pace": ("timed",),
        "places": ("NOWHERE", "Places"),
        "queries": (
            "collections_of", "count_documents", "counts", "existing_passages", "find_passage", "get_document",
            "labels_among", "list_documents", "list_labels", "list_page", "list_passages", "reason_of",
            "versions_in_force",
        ),
        "receiving": ("Upload", "receive", "restore_version", "take_in"),
        "reembedding": ("reembed", "tend_change"),
        "rehearsing": ("StoredTexts", "titles_of"),
        "retrieval": ("Found", "search"),
        "scope": ("Scope",),
        "service": ("approve", "cancel", "delete", "label", "move", "opened", "retry"),
        "uploads": (
            "PART_LIMIT", "UploadForm", "append_part", "begin_upload", "discard_upload", "finish_upload", "get_upload",
            "sweep_uploads",
        ),
        "values": (
            "Audience", "Batch", "BatchId", "ChangeState", "Collection", "CollectionForm", "CollectionId", "Document",
            "DocumentCounts", "DocumentFilter", "DocumentId", "FileId", "IndexChange", "PageImage", "PageView",
            "PartialUpload", "Passage", "Receipt", "Received", "Rectangle", "SearchIndex", "Sort", "Status",
            "UnreadPart", "UploadId", "Version", "Work", "WorkSort",
        ),
        "versions": ("ERASE", "INGEST", "delete_version", "list_versions"),
        "viewing": ("WIDTHS", "is_paged", "page_image", "view_page"),
        "work": ("count_work", "list_work"),
    },
)  # fmt: skip

__all__ = [
    "ERASE",
    "INGEST",
    "MOST_FOUND",
    "NOWHERE",
    "PART_LIMIT",
    "REEMBED",
    "WIDTHS",
    "Audience",
    "Batch",
    "BatchId",
    "ChangeState",
    "Collection",
    "CollectionForm",
    "CollectionId",
    "Context",
    "Document",
    "DocumentCounts",
    "DocumentFilter",
    "DocumentId",
    "FileId",
    "Found",
    "IndexChange",
    "Kind",
    "PageImage",
    "PageView",
    "PartialUpload",
    "Passage",
    "PassageFilter",
    "Places",
    "Receipt",
    "Received",
    "Rectangle",
    "Scope",
    "SearchIndex",
    "Sort",
    "Status",
    "StoredTexts",
    "UnreadPart",
    "Upload",
    "UploadForm",
    "UploadId",
    "Version",
    "Work",
    "WorkSort",
    "active_model",
    "append_part",
    "approve",
    "ask_index",
    "begin_upload",
    "cancel",
    "cancel_batch",
    "cancel_change",
    "change_collection",
    "choose_model",
    "collections_of",
    "count_documents",
    "count_work",
    "counts",
    "create_batch",
    "create_collection",
    "create_first_collection",
    "delete",
    "delete_collection",
    "delete_version",
    "discard_upload",
    "erase",
    "existing_passages",
    "find_passage",
    "find_passages",
    "finish_upload",
    "get_batch",
    "get_collection",
    "get_document",
    "get_index",
    "get_upload",
    "ingest",
    "is_paged",
    "label",
    "labels_among",
    "list_batches",
    "list_collections",
    "list_documents",
    "list_labels",
    "list_page",
    "list_passages",
    "list_versions",
    "list_work",
    "move",
    "opened",
    "page_image",
    "readable_collections",
    "reason_of",
    "receive",
    "reembed",
    "restore_version",
    "retry",
    "retry_batch",
    "search",
    "settle_stranded",
    "surroundings",
    "sweep_orphans",
    "sweep_uploads",
    "take_in",
    "tend_change",
    "timed",
    "titles_of",
    "versions_in_force",
    "view_page",
]  # fmt: skip
