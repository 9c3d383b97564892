"""What the tables of findings hold that could tell what was found: sealed by the vault, each value at its place."""

from appliance.kernel.sealing import SealedColumn

EXCERPTS = SealedColumn("document_findings", "sealed_excerpt", ("finding_id",), ("uuid",), ("document_id",))
REASONS = SealedColumn("document_findings", "sealed_reason", ("finding_id",), ("uuid",), ("document_id",))
NAMES = SealedColumn("document_scans", "sealed_name", ("file_id",), ("uuid",), ("document_id",))
SEALED = (EXCERPTS, REASONS, NAMES)
