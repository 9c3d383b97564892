"""Which models may be called, at the page: allowed, named, forbidden again."""

from appliance import gateway
from tests.support.house import Member
from tests.support.site import Browser


def test_an_administrator_allows_a_model_and_names_it(at_ada: Browser, ada: Member, at_bo: Browser) -> None:
    assert "no call leaves this host" in at_ada.gets("/models").text
    assert at_ada.posts("/models", model="openai/gpt-6").status_code == 303
    assert at_ada.posts("/models/aliases", name="drafts", models="openai/gpt-6\nanthropic/claude").status_code == 303
    assert at_ada.posts("/models/aliases", name="shared", models="openai/gpt-6 = 3\nanthropic/claude=1").status_code == 303
    for wrong in ("openai/gpt-6=0", "openai/gpt-6=1001", "openai/gpt-6=", "openai/gpt-6=1.5", "openai/gpt-6=1 openai/gpt-6=2"):
        assert at_ada.posts("/models/aliases", name="drafts", models=wrong).status_code == 422
    assert at_ada.posts("/models/aliases", name="No Name", models="openai/gpt-6").status_code == 422
    page = at_ada.gets("/models").text
    assert "openai/gpt-6, anthropic/claude" in page
    assert "openai/gpt-6=3, anthropic/claude=1" in page
    assert "drafts" not in at_bo.gets("/models").text
    assert at_ada.posts("/models/removal", model="openai/gpt-6").status_code == 303
    assert at_ada.posts("/models/aliases/removal", name="drafts").status_code == 303
    assert at_ada.posts("/models/aliases/removal", name="shared").status_code == 303
    with ada.services.db.tenant(ada.tenant_id) as tx:
        assert not gateway.list_allowed_models(tx, ada.caller)
        assert not gateway.list_aliases(tx, ada.caller)
