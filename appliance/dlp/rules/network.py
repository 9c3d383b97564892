"""Addresses and numbers of machines: IP, MAC, IMEI, vehicles, wallets."""

import ipaddress
import re
from hashlib import sha256
from typing import Final

from appliance.dlp.look import NO, Cues, Look, Rule
from appliance.dlp.rules.checksums import luhn, vin
from appliance.dlp.values import Category

_VERSION: Final = Cues(
    "v|ver|version|versions|release|build|firmware|driver|section|rfc|upgrade[sd]?|package|assemblyversion|chapter|fw|sw|revision"
    "|kapitel|abschnitt|clause|paragraph"
)
_AFTER_OPERATOR: Final = re.compile(rb"(?:==|@|~=|>=|<=|\^|[0-9]\.|[A-Za-z][-_/])$")
_GOES_ON: Final = re.compile(rb"\.\d|-\d|-[a-z]|_")
_VEHICLE: Final = Cues("vin|vehicle|chassis|fahrgestell(?:nummer)?|fin")
_WALLET: Final = Cues("eth(?:ereum)?|wallet|address|0x|erc20|token|send|btc|bitcoin|deposit")
_DEVICE: Final = Cues("imei|meid|device|gerät|handset|phone")
_BASE58: Final = {
    sign: number for number, sign in enumerate("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
}
_CHECKED: Final = 21


def _ipv4(look: Look) -> float:
    if not look.stands_alone() or look.goes_on(_GOES_ON) or look.comes_after(_AFTER_OPERATOR):
        return NO
    # This host itself, and none at all, are nobody's.
    return NO if look.value.startswith(("127.", "0.0.0.0")) or _VERSION.within(look.before(22)) else 0.85  # noqa: S104 - nothing listens


def _ipv6(look: Look) -> float:
    value = look.value
    if not look.stands_alone(b":", b":") or value == "::" or not any(sign.isdigit() for sign in value):
        return NO
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        return NO
    # Times and ratios have colons, too: a shortened address needs a group of three or more.
    return 0.85 if value.count(":") == 7 or any(len(part) > 2 for part in value.split(":")) else 0.3  # noqa: PLR2004 - as said above


def _mac(look: Look) -> float:
    value = look.value
    if len(set(value[2::3])) != 1 or not look.stands_alone(b":-", b":-"):
        return NO
    return 0.9 if value[2] == ":" else 0.7


def _vehicle(look: Look) -> float:
    value = look.value
    has_both = any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)
    if not has_both or not look.stands_alone(b"-", b"-") or not vin(value):
        return NO
    return 0.95 if _VEHICLE.within(look.before(40)) else 0.6


def _device(look: Look) -> float:
    return 0.9 if look.stands_alone() and luhn(look.digits) and _DEVICE.within(look.before(32)) else NO


def _bitcoin(look: Look) -> float:
    value = look.value
    if not look.stands_alone():
        return NO
    if value.startswith("0x"):
        return 0.6 if _WALLET.within(look.before(40)) else NO
    return 0.95 if value.startswith("bc1") or _is_base58(value) else NO


def _is_base58(value: str) -> bool:
    number = 0
    for sign in value:
        number = number * 58 + _BASE58[sign]
    try:
        raw = number.to_bytes(25, "big")
    except OverflowError:
        return False
    return sha256(sha256(raw[:_CHECKED]).digest()).digest()[:4] == raw[_CHECKED:]


RULES: Final = (
    Rule("ipv4/1", Category.IP_ADDRESS,
         r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b", _ipv4),
    Rule("ipv6/1", Category.IP_ADDRESS,
         r"(?:\b[0-9A-Fa-f]{1,4}|:):(?:[0-9A-Fa-f]{0,4}:){0,6}(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4})?", _ipv6),
    Rule("mac/1", Category.MAC_ADDRESS, r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b", _mac),
    Rule("vin/1", Category.VEHICLE, r"\b[A-HJ-NPR-Z0-9]{17}\b", _vehicle),
    Rule("imei/1", Category.DEVICE, r"\b\d{2}-?\d{6}-?\d{6}-?\d\b", _device),
    Rule("wallet/1", Category.WALLET, r"\b(?:bc1[ac-hj-np-z02-9]{25,87}|[13][a-km-zA-HJ-NP-Z1-9]{25,34}|0x[0-9a-fA-F]{40})\b", _bitcoin),
)  # fmt: skip
