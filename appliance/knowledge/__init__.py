"""Documents: received, sealed, read in a confined process, cut, embedded, found.

Trusted: this process. Not trusted: every uploaded byte, and the parser once it has touched one. A document is
searchable only when it is whole: chunks, vectors and postings appear in one transaction with its status.
"""

from appliance.knowledge.flow import ERASE, INGEST, erase, ingest, settle_stranded, sweep_orphans
from appliance.knowledge.queries import counts, existing_passages, get_document, list_documents, list_passages
from appliance.knowledge.retrieval import Found, search
from appliance.knowledge.service import Upload, approve, delete, opened, receive, retry
from appliance.knowledge.values import Document, DocumentCounts, DocumentId, Passage, Status

__all__ = [
    "ERASE", "INGEST", "Document", "DocumentCounts", "DocumentId", "Found", "Passage", "Status", "Upload", "approve",
    "counts", "delete", "erase", "existing_passages", "get_document", "ingest", "list_documents", "list_passages", "opened", "receive",
    "retry", "search", "settle_stranded", "sweep_orphans",
]  # fmt: skip
