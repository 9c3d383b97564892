"""What a form of a provider may say: its address, and a key that is no mask."""

import pytest

from appliance.vault.providing import ProviderKind
from appliance.vault.providing.credentials import is_masked
from appliance.vault.providing.destinations import ProviderForm, checked
from appliance.vault.providing.errors import BaseUrlMalformed
from tests.support.providing import KEY


def test_real_keys_are_no_masks() -> None:
    real = [KEY, "sk-proj-a_b-c--d...e", "AIzaSyA-xxxxxx1", "gsk_XXabc", "0f1e2d3c4b5a", "hf_abcXXXXXX"]
    assert [one for one in real if is_masked(one)] == []


@pytest.mark.parametrize("url", ["http://api.openai.com/v1", "https://", "https://user:pw@x.example", "https://x.example/?q=1", "ftp://x.example",
                                 "https://x.example/#f", "https://x .example", "https://x.example:99999", "https://x.example\\@y.example", "x.example"])  # fmt: skip
def test_an_address_is_one_host_over_tls_and_no_more(url: str) -> None:
    with pytest.raises(BaseUrlMalformed):
        checked(ProviderForm("x", ProviderKind.OPENAI, url))
    assert (
        checked(ProviderForm("X", ProviderKind.OPENAI, "https://X.Example:8443/v1/")).base_url
        == "https://x.example:8443/v1"
    )
    assert (
        checked(ProviderForm("x", ProviderKind.OPENAI_COMPATIBLE, "http://vllm:8000/v1")).base_url
        == "http://vllm:8000/v1"
    )
