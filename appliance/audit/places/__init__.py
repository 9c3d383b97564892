"""Where packages that are made by themselves are put: the host's folder, a bucket, another host by SFTP.

Trusted: the allow-list of egress, the vault that seals secrets, the host key that was named. Not trusted: the places, which
learn what a package says unless it is sealed to its reader, and can lose it; and who writes the database, who can hold a
package back but can neither read a secret nor have it sent elsewhere. Permissions are asked for by the doors.
"""

from appliance.audit.places.delivering import Courier, Undelivered, try_place
from appliance.audit.places.envelope import SEALED
from appliance.audit.places.values import NewPlace, PlaceForm
from appliance.audit.values import Place, PlaceKind

__all__ = ["SEALED", "Courier", "NewPlace", "Place", "PlaceForm", "PlaceKind", "Undelivered", "try_place"]
