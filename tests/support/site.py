"""The web site in process, and people who use it: Ada owns one organisation, Bo another, Cy belongs nowhere."""

import html
import re
from io import BytesIO

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from appliance.web.sessions import ForeignForm
from tests.support.house import PASSWORD, Member
from tests.support.product import csrf


class Browser:
    """A browser at the site."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()
        self._form_token: tuple[dict[str, str], str] = {}, ""

    def signs_in(self, member: Member, password: str = PASSWORD) -> TestResponse:
        """Sign in by form."""
        token = csrf(self.client.get("/sign-in").text)
        form = {"email": member.caller.email, "password": password, "csrf": token}
        return self.client.post("/sign-in", data=form)

    def gets(self, path: str) -> TestResponse:
        """Open a page."""
        return self.client.get(path)

    def posts(self, path: str, **form: str) -> TestResponse:
        """Send a form with this browser's own token."""
        answer = self.client.post(path, data={**form, "csrf": self.form_token()})
        if answer.status_code == 403 and str(ForeignForm.__doc__) in html.unescape(answer.text):
            answer = self.client.post(path, data={**form, "csrf": self.form_token(anew=True)})  # its session has ended
        return answer

    def uploads(self, name: str, content: bytes, **form: str) -> TestResponse:
        """Upload a file by form."""
        return self.client.post("/documents", data={**form, "csrf": self.form_token(), "files": (BytesIO(content), name)})

    def form_token(self, *, anew: bool = False) -> str:
        """Return the token of this browser's forms, from a page of ours: it is the same as long as the cookies are."""
        cookies = self._sent_cookies()
        if anew or not cookies or self._form_token[0] != cookies:
            page = self.client.get("/account")
            found = csrf(page.text if page.status_code == 200 else self.client.get("/sign-in").text)
            self._form_token = self._sent_cookies(), found
        return self._form_token[1]

    def _sent_cookies(self) -> dict[str, str]:
        return {one.key: one.value for one in (self.client._cookies or {}).values()}

    def first(self, pattern: str, path: str) -> str:
        """Return the first match on a page."""
        found = re.search(pattern, self.client.get(path).text)
        assert found is not None, pattern
        return found[1]
