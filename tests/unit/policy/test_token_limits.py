"""What limits of a token are, from where it may be used, and that none makes a wider one."""

import pytest

from appliance.identity import TokenLimits
from appliance.identity.errors import LimitsBeyond, TokenLimitMalformed
from appliance.identity.limits import check_within, checked, is_from
from appliance.identity.values import ModelEndpoint

E = ModelEndpoint


@pytest.mark.parametrize(
    ("network", "address", "fits"),
    [
        ("10.0.0.0/8", "10.255.0.1", True),
        ("10.0.0.0/8", "11.0.0.1", False),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:a01:203", True),
        ("10.0.0.0/8", "::10.1.2.3", False),  # the old way of writing is another address
        ("10.0.0.0/8", "64:ff9b::10.1.2.3", False),
        ("192.0.2.7/32", "192.0.2.7", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("2001:db8::/32", "32.1.13.184", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("0.0.0.0/0", "2001:db8::1", False),
        ("::/0", "::ffff:10.1.2.3", False),  # IPv6 for everybody opens nothing for IPv4
        ("::/0", "2001:db8::1", True),
        ("0.0.0.0/0", "", False),
        ("0.0.0.0/0", "10.0.0.1, 10.0.0.2", False),
        ("0.0.0.0/0", "0x0a.0.0.1", False),
        ("0.0.0.0/0", "010.0.0.1", False),
    ],
)
def test_an_address_is_in_a_network_or_not(network: str, address: str, fits: bool) -> None:
    (kept,) = checked(TokenLimits(networks=(network,))).networks
    assert is_from((kept,), address) is fits


@pytest.mark.parametrize(
    ("given", "kept"),
    [("192.0.2.7", "192.0.2.7/32"), ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("::ffff:192.0.2.7", "192.0.2.7/32"), ("2001:DB8::/32", "2001:db8::/32")],
)
def test_a_network_is_kept_in_one_form(given: str, kept: str) -> None:
    assert checked(TokenLimits(networks=(f" {given} ",))).networks == (kept,)


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.0-10.0.0.9", "10.0.0/8", "::ffff:10.0.0.1/104", "10.0.0.0/8 x", "\u0661\u0660.0.0.0/8"])
def test_what_is_no_network_is_refused(wrong: str) -> None:
    with pytest.raises(TokenLimitMalformed):
        checked(TokenLimits(networks=(wrong,)))


@pytest.mark.parametrize("wrong", ["*", "op*ai", "openai/ gpt", "-x", "x" * 300, "openai/**", "modèle"])
def test_what_is_no_model_is_refused(wrong: str) -> None:
    with pytest.raises(TokenLimitMalformed):
        checked(TokenLimits(models=(wrong,)))


@pytest.mark.parametrize(
    ("own", "asked", "is_within"),
    [
        (TokenLimits(), TokenLimits(), True),
        (TokenLimits(), TokenLimits(("openai/*",)), True),
        (TokenLimits(("openai/*",)), TokenLimits(("openai/*",)), True),
        (TokenLimits(("openai/*",)), TokenLimits(("openai/gpt-5", "openai/gpt-4*")), True),
        (TokenLimits(("openai/*",)), TokenLimits(("openai/gpt-5", "general")), False),
        (TokenLimits(("openai/gpt-5",)), TokenLimits(("openai/gpt-5*",)), False),
        (TokenLimits(("openai/*",)), TokenLimits(), False),
        (TokenLimits((), (E.MESSAGES,)), TokenLimits((), (E.MESSAGES,)), True),
        (TokenLimits((), (E.MESSAGES,)), TokenLimits(), False),
        (TokenLimits((), (E.MESSAGES,)), TokenLimits((), (E.MESSAGES, E.RESPONSES)), False),
        (TokenLimits((), (), ("10.0.0.0/8",)), TokenLimits((), (), ("10.1.0.0/16", "10.2.0.0/16")), True),
        (TokenLimits((), (), ("10.0.0.0/8",)), TokenLimits((), (), ("10.1.0.0/16", "192.0.2.0/24")), False),
        (TokenLimits((), (), ("10.0.0.0/8",)), TokenLimits((), (), ("2001:db8::/32",)), False),
        (TokenLimits((), (), ("10.0.0.0/8",)), TokenLimits(), False),
    ],
)
def test_a_token_makes_none_that_may_do_more(own: TokenLimits, asked: TokenLimits, is_within: bool) -> None:
    if is_within:
        check_within(checked(asked), own)
    else:
        with pytest.raises(LimitsBeyond):
            check_within(checked(asked), own)


def test_endpoints_are_those_of_the_gate() -> None:
    from appliance.gateway import Endpoint

    assert {f"/v1/{one.value}" for one in ModelEndpoint} == {one.value for one in Endpoint}
