from pathlib import Path

import pytest

from appliance.kernel.egress import Egress
from appliance.settings import InvalidSettings, load
from appliance.vault.errors import RootSpecInvalid
from appliance.vault.roots import check_spec, root_of

ARN = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    "spec",
    [
        "file:/srv/keys/root.key",
        "systemd:root-key",
        "transit:https://bao.example.org:8200/v1/transit/keys/cloister",
        "transit:https://bao.example.org/v1/eu/transit/keys/cloister?role=f00d-cafe&login=approle&namespace=org",
        "transit:http://127.0.0.1:8200/v1/transit/keys/cloister",
        "pkcs11:token=Cloister%20HSM;object=root?module-path=/usr/lib/vendor/libpkcs11.so",
        f"aws-kms:{ARN}",
        f"aws-kms:{ARN.replace('aws:', 'aws-us-gov:', 1)}?endpoint=https://vpce-1.kms.eu-central-1.vpce.amazonaws.com",
    ],
)
def test_it_knows_each_kind(spec: str) -> None:
    check_spec(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "root.key",
        "/srv/keys/root.key",
        "vault:https://bao.example.org/v1/transit/keys/cloister",
        "file:root.key",
        "file:",
        "systemd:../root-key",
        "systemd:a/b",
        "systemd:",
        "transit:",
        "transit:https://bao.example.org",
        "transit:http://bao.example.org/v1/transit/keys/cloister",
        "transit:https://bao.example.org/v1/transit/encrypt/cloister",
        "transit:https://bao.example.org/v1/../sys/keys/cloister",
        "transit:https://bao.example.org/v1/transit/keys/a/b",
        "transit:https://bao.example.org/v1/transit/keys/cloister?token=planted",
        "transit:https://bao.example.org/v1/transit/keys/cloister?role=a&role=b",
        "transit:https://bao.example.org/v1/transit/keys/cloister?role=a&login=../sys",
        "transit:https://me:planted@bao.example.org/v1/transit/keys/cloister",
        "transit:https://[bad/v1/transit/keys/cloister",
        "pkcs11:token=t;object=o",
        "pkcs11:token=t?module-path=/m.so",
        "pkcs11:token=t;object=o?module-path=m.so",
        "pkcs11:token=t;object=o?module-path=/m.so&pin-value=planted",
        "aws-kms:alias/cloister",
        "aws-kms:arn:aws:kms:eu-central-1:111122223333:alias/cloister",
        f"aws-kms:{ARN}?endpoint=http://kms.example.org",
        f"aws-kms:{ARN}?region=eu-west-1",
    ],
)
def test_it_refuses_what_names_no_root_and_says_how_to_write_it(spec: str) -> None:
    with pytest.raises(RootSpecInvalid, match=r"root-key\.md") as caught:
        check_spec(spec)

    assert "planted" not in str(caught.value)


def test_a_setting_that_names_no_root_is_told_with_all_other_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_ROOT_KEY", "file:root.key")
    monkeypatch.setenv("APPLIANCE_ROOT_KEY_NEXT", "vault:x")
    monkeypatch.setenv("APPLIANCE_PORT", "0")

    with pytest.raises(InvalidSettings) as caught:
        load()

    assert [fault.split(":")[0] for fault in caught.value.faults] == [
        "APPLIANCE_ROOT_KEY",
        "APPLIANCE_ROOT_KEY_NEXT",
        "APPLIANCE_PORT",
    ]


def test_a_labelled_hsm_is_read_as_the_standard_says(tmp_path: Path) -> None:
    pytest.importorskip("pkcs11")

    root = root_of("pkcs11:token=Cloister%20HSM;object=a%3Bb?module-path=/m.so", secrets=tmp_path, egress=Egress())

    assert (root._key.token, root._key.label) == ("Cloister HSM", "a;b")  # type: ignore[attr-defined]
