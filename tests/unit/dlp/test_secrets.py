"""Secrets by the kinds of places where they stand, and what stands there without being one."""

import pytest

from appliance.dlp import Category, Engine

_C = Category
RANDOM, HEX = "Zf3D0LXCM3EIMbgJpUNnkRtOfOueHznB", "951bc382db9cfee29c68634761dd6e19"
FOUND = [
    f'api_TOKEN ?= "{RANDOM}"', f'System.setProperty("GENERIC_TOKEN", "{RANDOM}")', f"define('DB_PASSWORD', '{RANDOM}');",
    f'- name: CRM_TOKEN\n  value: "{RANDOM}"', f'{{"name": "DB_PASSWORD", "value": "{RANDOM}"}}', f"<password>{RANDOM}</password>",
    f'variable "crm_api_token" {{\n  type = string\n  default = "{RANDOM}"\n}}', f"//registry.heron.example/:_authToken={RANDOM}",
    f"machine api.heron.example login ann password {RANDOM}", f"curl -k \\\n  -X POST --user  'ann:{RANDOM}' https://heron.example",
    f'curl -u ":{RANDOM}" https://heron.example', f'curl -u "{RANDOM}:" https://heron.example', f"Authorization: SSWS {RANDOM}",
    f"postgres://app:{RANDOM}#@db.internal/prod", f"datadog-secrettoken-{HEX}", f"APP_KEY=base64:{RANDOM}",
    "hooks.slack.com/services/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", f"odt_{RANDOM}", f"sk_{HEX}{HEX[:16]}",
    "pat-eu1-3f2a9c10-7d4e-4b52-9a61-0c8e5d7f1b23", "SERVICE_TOKEN=3f2a9c10-7d4e-4b52-9a61-0c8e5d7f1b23",
]  # fmt: skip
CLEAN = [
    "API_KEY=\nCRM_API_KEY=", "api_key=`vault read secret/crm`", 'token: "${CRM_TOKEN}"', "password: changeme", "PASSWORD=your-password-here", 'secret="!vault |"',
    "token = op://team/crm/credential", "curl -u user:password https://heron.example", "curl --user $USER:$PASS https://heron.example", "DB_PASSWORD=ENC(abcDEF123456)",
    "notes = Maven - io.jsonwebtoken:jjwt-jackson-0.11.2", "pub const X509_pubkey_st = struct_X509_pubkey_st;", f"publicToken = {RANDOM}",
    f'<input type="hidden" name="authenticity_token" value="{RANDOM}">', "s.getPagesInConfluenceSpac = 1", f"https://heron.example/media/video.ico-{HEX}.png",
    "auth-service-7d9f8b6c5d-x2k4j is ready", 'API_KEY="glc_111111111111111111111111111111111111111111="', "xoxb-Slack_BOT_TOKEN", '{"auth": "bm90aGluZyBvZiBpdA=="}',
]  # fmt: skip


@pytest.mark.parametrize("text", FOUND)
def test_it_finds_a_secret_where_programs_keep_them(rules: Engine, text: str) -> None:
    found = [one for one in rules.inspect(text) if one.category in {_C.SECRET, _C.API_KEY, _C.CONNECTION}]

    assert found
    assert any(part in text[found[0].start : found[0].end] for part in (RANDOM, HEX, "6JvqXvTBHT", "3f2a9c10"))


@pytest.mark.parametrize("text", CLEAN)
def test_what_stands_for_a_secret_is_none(rules: Engine, text: str) -> None:
    assert [one.rule for one in rules.inspect(text)] == []


def test_docker_keeps_a_name_and_a_password_in_base64(rules: Engine) -> None:
    (found,) = rules.inspect('{"auths": {"registry.heron.example": {"auth": "YW5uOkhlcm9uLTIwMzE="}}}')

    assert (found.rule, found.category) == ("secret/docker/1", _C.SECRET)


class _Reads:
    name = "reader"

    def tags(self, _text: str, *, whose: bytes = b"") -> list[None]:
        del whose
        return []


def test_documents_are_looked_at_anew_when_a_model_is_read_to_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    before = Engine(tagger=_Reads()).version  # type: ignore[arg-type]  # it tags nothing
    monkeypatch.setattr("appliance.dlp.engine._READING", 99)

    assert Engine(tagger=_Reads()).version != before  # type: ignore[arg-type]  # it tags nothing
    assert Engine().version in before
