"""Root keys, one kind a file: a key file or systemd credential, OpenBao/Vault transit, PKCS#11, AWS KMS.

Trusted: the process, the root's service, and the path to it. Not trusted: where wrapped keys are stored; who alters or
moves one gets an IntegrityError. `root_of` makes the root that a setting names.
"""

from appliance.vault.roots.choose import check_spec, root_of
from appliance.vault.roots.in_use import RootChoice, Roots, roots_in_use

__all__ = ["RootChoice", "Roots", "check_spec", "root_of", "roots_in_use"]
