"""The web site in process, and people who use it: Ada owns one organisation, Bo another, Cy belongs nowhere."""

import re
from io import BytesIO

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.house import PASSWORD, Member
from tests.support.product import csrf


class Browser:
    """A browser at the site."""

    def __init__(self, app: Flask) -> None:
        self.client: FlaskClient = app.test_client()

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
        page = self.client.get("/account")
        token = csrf(page.text if page.status_code == 200 else self.client.get("/sign-in").text)
        return self.client.post(path, data={**form, "csrf": token})

    def uploads(self, name: str, content: bytes, **form: str) -> TestResponse:
        """Upload a file by form."""
        token = csrf(self.client.get("/account").text)
        return self.client.post("/documents", data={**form, "csrf": token, "files": (BytesIO(content), name)})

    def first(self, pattern: str, path: str) -> str:
        """Return the first match on a page."""
        found = re.search(pattern, self.client.get(path).text)
        assert found is not None, pattern
        return found[1]
