"""The log's entries in the words of the Open Cybersecurity Schema Framework, version 1.8.

`record(entry, organisation)` is a pure function: what a stream sends and what an export holds is the same. What OCSF has
no word for stands under `unmapped`; the exact bytes that are sealed may be given along as `raw_data`, so that whoever
keeps the records can compute the leaf of the tree again.
"""

from appliance.audit.ocsf.mapping import Place, record, severity_of
from appliance.audit.ocsf.values import VERSION

__all__ = ["VERSION", "Place", "record", "severity_of"]
