"""What fills the catalogue: one function for each item, over the services of the rooms below. Each only reads."""

from collections.abc import Callable
from typing import Final

from appliance.evidence.collectors import house, log, models, people
from appliance.evidence.sources import Sources
from appliance.evidence.values import Found, Item

Collector = Callable[[Sources], Found]
COLLECTORS: Final[dict[Item, Collector]] = {
    Item.ACCESS_LIST: people.access_list,
    Item.ACCESS_REVIEW: people.access_reviews,
    Item.AI_REGISTER: models.ai_register,
    Item.BACKUPS: house.backups,
    Item.CHANGE_HISTORY: log.changes,
    Item.DATA_FLOWS: models.data_flows,
    Item.DATA_PROTECTION: models.data_protection,
    Item.DELETIONS: log.deletions,
    Item.ISOLATION: house.isolation,
    Item.KEY_INVENTORY: house.keys,
    Item.LOG_ACCESS: log.readers,
    Item.LOG_PROOFS: log.proofs,
    Item.MODEL_CALLS: log.model_calls,
    Item.OVERSIGHT: log.oversight,
    Item.POLICY: models.policies,
    Item.PROVIDER_KEYS: models.provider_keys,
    Item.RESTORE_DRILLS: house.restore_drills,
    Item.SIGN_IN_STRENGTH: people.sign_in_strength,
    Item.SIGN_IN_WATCH: log.sign_ins,
    Item.SIGN_ON: people.sign_on,
    Item.SUBJECT_REQUESTS: log.subject_requests,
    Item.VERSIONS: house.versions,
}
