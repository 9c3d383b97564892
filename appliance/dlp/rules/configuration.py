"""Secrets where programs are set up: calls that set one, lists of variables, XML, netrc, Docker's and Terraform's files."""

import base64
import binascii
from typing import Final

from appliance.dlp.look import NO, Look, Rule
from appliance.dlp.rules.credentials import NAMES, judge_as
from appliance.dlp.values import Category

_SECRET: Final = Category.SECRET


def _pair_in_base64(look: Look) -> float:
    """Take it if it decodes to a name, a colon and a password, as in Docker's files and Basic authentication (RFC 7617)."""
    try:
        user, colon, password = base64.b64decode(look.value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return NO
    return 0.95 if colon and user and password and (user + password).isprintable() else NO


RULES: Final = (
    Rule("secret/argument/1", _SECRET,
         rf"(?i)\b(?:define|env|putenv|(?:set|put|add|append|header|config|field|property)\w{{0,20}})\(\s{{0,2}}[\"'][\w.-]{{0,40}}{NAMES}[\"']\s{{0,2}},\s{{0,3}}[\"']([^\"'\r\n]{{4,200}})[\"']",
         judge_as(0.8, style="quoted", trims=False), group=1),
    Rule("secret/named-value/1", _SECRET,
         rf"(?i)\b(?:name|key|variable|property|parameter)[\"']?\s{{0,3}}[:=]?\s{{0,3}}[\"']?[\w.-]{{0,40}}{NAMES}[\"']?[\s,;{{]{{1,30}}(?:[^{{}}]{{0,80}}?\s)?[\"']?(?:value|default)[\"']?\s{{0,3}}[:=]\s{{0,3}}[\"']([^\"'<>\r\n]{{6,200}})[\"']",
         judge_as(0.8, style="quoted", trims=False), group=1),
    Rule("secret/element/1", _SECRET,
         rf"(?i)<[\w.:-]{{0,40}}{NAMES}>\s{{0,40}}([^<>\s]{{6,200}})\s{{0,40}}</", judge_as(0.8, style="assigned"), group=1),
    Rule("secret/netrc/1", _SECRET,
         r"\b(?:machine\s{1,4}\S{1,200}|default)\s{1,20}login\s{1,4}\S{1,200}\s{1,20}password\s{1,4}(\S{4,200})", judge_as(0.9, style="any"), group=1),
    Rule("secret/docker/1", _SECRET,
         r"(?i)(?:\"auth\"\s{0,3}:\s{0,3}\"|\b_auth\s{0,3}=\s{0,3}\"?)([A-Za-z0-9+/]{8,400}={0,2})", _pair_in_base64, group=1),
    Rule("secret/suffixed/1", _SECRET,
         r"(?i)(?:key|token|secret|private|access)[-.]([0-9a-f]{32,64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b", judge_as(0.7, style="random"), group=1),
)  # fmt: skip
