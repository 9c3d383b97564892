"""Model providers and the keys to them: an organisation's own, and the platform's shared ones.

Trusted: this process. Not trusted: the database; who can write it can delete a key or bring back a former one of the
same row, never read one, nor have it sent to another address than the one it was given for. See decision 0018.
"""

from appliance.kernel.secret import Secret
from appliance.vault.providing.lending import Lender, find_lender, lend, note_error, own_keys
from appliance.vault.providing.queries import find_provider, get_provider, list_providers
from appliance.vault.providing.values import (
    Lent,
    ModelProvider,
    OwnKeys,
    ProviderId,
    ProviderKey,
    ProviderKeyId,
    ProviderKind,
)

__all__ = [
    "Lender", "Lent", "ModelProvider", "OwnKeys", "ProviderId", "ProviderKey", "ProviderKeyId", "ProviderKind",
    "Secret", "find_lender", "find_provider", "get_provider", "lend", "list_providers", "note_error", "own_keys",
]  # fmt: skip
