import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.kernel.egress import Egress
from appliance.kernel.sealing import KeyUnavailable
from appliance.vault.base import Root
from appliance.vault.errors import RootSpecInvalid
from appliance.vault.roots import root_of
from tests.support.roots import PIN, SoftHsm, softhsm

KEK = secrets.token_bytes(32)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    with softhsm(tmp_path_factory.mktemp("hsm")) as hsm:
        hsm.make_keys("root", "before", "twice", "twice")
        hsm.make_keys("loose", extractable=True)
        hsm.make_keys("short", bits=128)
        yield hsm


def kept(path: Path, content: str) -> Path:
    path.unlink(missing_ok=True)
    path.write_text(content)
    path.chmod(0o400)
    return path


@pytest.fixture
def pin(tmp_path: Path) -> Path:
    return kept(tmp_path / "pin", PIN)


def root(spec: str, pin: Path) -> Root:
    return root_of(spec, secrets=pin.parent, egress=Egress(), credentials=pin)


def refusal(root: Root) -> str:
    with pytest.raises(KeyUnavailable) as caught:
        root.ping()
    return caught.value.reason


def test_a_wrong_pin_is_tried_once_until_its_file_changes(hsm: SoftHsm, tmp_path: Path) -> None:
    program = (
        "import sys, pathlib\n"
        "from appliance.kernel.egress import Egress\n"
        "from appliance.kernel.sealing import KeyUnavailable\n"
        "from appliance.vault.roots import root_of\n"
        "spec, pin, right = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]\n"
        "one = root_of(spec, secrets=pin.parent, egress=Egress(), credentials=pin)\n"
        "for _ in range(3):\n"
        "    try: one.ping()\n"
        "    except KeyUnavailable as refused: print(refused.reason)\n"
        "pin.unlink(); pin.write_text(right); pin.chmod(0o400)\n"
        "one.ping(); print('works')\n"
    )
    wrong = kept(tmp_path / "pin", "00000000")

    said = subprocess.run(
        [sys.executable, "-c", program, hsm.spec("root"), str(wrong), PIN], capture_output=True, text=True, check=True
    ).stdout

    again = "the token refused this PIN; it is tried again when its file changes\n"
    assert said == f"the token refused the PIN: PinIncorrect\n{again}{again}works\n"


@pytest.mark.parametrize(
    ("label", "words"), [("loose", "not extractable"), ("short", "256 bits"), ("absent", "no such AES key")]
)
def test_a_key_that_is_not_fit_is_refused(hsm: SoftHsm, pin: Path, label: str, words: str) -> None:
    assert words in refusal(root(hsm.spec(label), pin))


def test_two_keys_of_one_label_are_refused_rather_than_guessed(hsm: SoftHsm, pin: Path) -> None:
    assert "several" in refusal(root(hsm.spec("twice"), pin))


def test_a_module_or_token_that_is_not_there_is_unavailable(hsm: SoftHsm, pin: Path) -> None:
    assert "NoSuchToken" in refusal(root(hsm.spec("root").replace(hsm.token, "absent"), pin))
    assert refusal(root("pkcs11:token=cloister;object=root?module-path=/nonexistent/module.so", pin))
    root(hsm.spec("root"), pin).ping()


def test_a_missing_pin_is_unavailable(hsm: SoftHsm, pin: Path) -> None:
    pin.unlink()

    assert "cannot be read" in refusal(root(hsm.spec("root"), pin))


def test_the_key_is_the_same_by_another_label(hsm: SoftHsm, pin: Path) -> None:
    one = root(hsm.spec("before"), pin)
    mark, wrapped = one.fingerprint(), one.wrap(KEK, context=b"c")
    program = (
        "import sys, pkcs11\n"
        "module, token, pin = sys.argv[1:]\n"
        "with pkcs11.lib(module).get_token(token_label=token).open(user_pin=pin, rw=True) as session:\n"
        "    session.get_key(label='before')[pkcs11.Attribute.LABEL] = 'after'\n"
    )
    subprocess.run([sys.executable, "-c", program, hsm.module, hsm.token, PIN], check=True)

    renamed = root(hsm.spec("after"), pin)

    assert renamed.fingerprint() == mark
    assert renamed.unwrap(wrapped, context=b"c") == KEK


def test_without_the_extra_package_it_says_what_to_install(pin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pkcs11", None)

    with pytest.raises(RootSpecInvalid, match=r"requirements-hsm\.lock"):
        root("pkcs11:token=t;object=o?module-path=/m.so", pin)
