"""SimpleSAMLphp as Debian ships it, as an identity provider of one test: its own directory, its own keys, PHP's own server."""

import os
import shutil
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.product import free_port
from tests.support.saml_provider import Signer, known_signer

_WWW = Path("/usr/share/simplesamlphp/www")
_CONFIG = """<?php
$config = [
  'baseurlpath' => '{address}/simplesaml/', 'certdir' => '{directory}/', 'loggingdir' => '{directory}/', 'datadir' => '{directory}/',
  'tempdir' => '{directory}/tmp', 'metadatadir' => '{directory}/', 'attributenamemapdir' => '/etc/simplesamlphp/attributemap/',
  'technicalcontact_name' => 'x', 'technicalcontact_email' => 'na@example.org', 'secretsalt' => 'a salt of this test alone',
  'auth.adminpassword' => 'not used here', 'timezone' => 'UTC', 'logging.handler' => 'errorlog', 'logging.level' => 5,
  'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true], 'showerrors' => true,
  'errorreporting' => false, 'admin.checkforupdates' => false, 'session.cookie.secure' => false, 'session.cookie.samesite' => 'Lax',
  'session.phpsession.savepath' => '{directory}/sessions', 'session.duration' => 3600, 'session.datastore.timeout' => 3600,
  'session.state.timeout' => 3600, 'session.cookie.name' => 'SimpleSAMLSessionID', 'session.cookie.lifetime' => 0,
  'session.cookie.path' => '/', 'session.phpsession.cookiename' => 'SimpleSAML', 'session.phpsession.httponly' => true,
  'session.authtoken.cookiename' => 'SimpleSAMLAuthToken', 'language.available' => ['en'], 'language.default' => 'en', 'theme.use' => 'default',
  'store.type' => 'phpsession', 'metadata.sources' => [['type' => 'flatfile'], ['type' => 'xml', 'file' => '{directory}/cloister.xml']],
  'trusted.url.domains' => null, 'production' => false, 'enable.http_post' => false,
];
"""
_SOURCES = """<?php
$config = ['example-userpass' => ['exampleauth:UserPass',
  'cleo:a password of Cleo' => ['uid' => ['u-4711'], 'mail' => ['cleo@harrow.example'], 'displayName' => ['Cleo Harrow'], 'groups' => [{groups}]],
]];
"""
_HOSTED = """<?php
$metadata['{entity_id}'] = [
  'host' => '__DEFAULT__', 'privatekey' => '{key}.key', 'certificate' => '{key}.crt', 'auth' => 'example-userpass',
  'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'validate.authnrequest' => true, 'validate.logout' => true,
  'sign.logout' => true, 'redirect.sign' => true, 'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'authproc' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent']],
  {further}
];
"""
_ROUTER = """<?php
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (strpos($path, '/simplesaml/') !== 0) { http_response_code(404); exit; }
$rest = substr($path, strlen('/simplesaml/'));
$parts = []; $script = '';
foreach (explode('/', $rest) as $part) { $parts[] = $part; if (substr($part, -4) === '.php') { break; } }
$script = implode('/', $parts);
$file = '{www}/' . $script;
if (!is_file($file)) { http_response_code(404); exit; }
if (substr($file, -4) !== '.php') { $types = ['css' => 'text/css', 'js' => 'text/javascript', 'png' => 'image/png'];
  header('Content-Type: ' . ($types[pathinfo($file, PATHINFO_EXTENSION)] ?? 'application/octet-stream')); readfile($file); exit; }
$_SERVER['SCRIPT_NAME'] = '/simplesaml/' . $script; $_SERVER['PHP_SELF'] = $path; $_SERVER['SCRIPT_FILENAME'] = $file;
$_SERVER['PATH_INFO'] = substr($path, strlen('/simplesaml/' . $script));
chdir(dirname($file)); require $file;
"""


def is_missing() -> str:
    """Return what is not installed, for the reason of a skipped test; empty where all is there."""
    return "" if shutil.which("php") and _WWW.is_dir() else "as root: apt-get install simplesamlphp php-cli php-xml php-mbstring php-curl"


@dataclass
class SimpleSaml:
    """A provider at localhost, which for a browser is another site than 127.0.0.1."""

    directory: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def entity_id(self) -> str:
        return f"{self.address}/idp"

    def __enter__(self) -> Self:
        for name in ("tmp", "sessions"):
            (self.directory / name).mkdir()
        for name in ("provider", "successor"):
            self._writes_key(name, known_signer(name))
        self._writes("config.php", _CONFIG)
        self._writes("authsources.php", _SOURCES, groups="'staff', 'owners'")
        self._writes("router.php", _ROUTER)
        self._writes("cloister.xml", '<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"/>')
        self.signs_as("provider")
        environment = {**os.environ, "SIMPLESAMLPHP_CONFIG_DIR": str(self.directory), "PHP_CLI_SERVER_WORKERS": "2"}
        server = [shutil.which("php") or "php", "-d", "opcache.enable=0", "-S", f"localhost:{self.port}"]
        with (self.directory / "php.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*server, str(self.directory / "router.php")], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._waits()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, 15)  # its workers are children of its own session
            self._process.wait(10)

    def metadata(self) -> str:
        """Return what it says of itself."""
        with urllib.request.urlopen(f"{self.address}/simplesaml/saml2/idp/metadata.php") as answer:
            return str(answer.read().decode())

    def knows(self, metadata: str) -> None:
        """Read our metadata, as an administrator of it would let it."""
        (self.directory / "cloister.xml").write_text(metadata)

    def signs_as(self, name: str, *, encrypts: str = "", signs_response: bool = True, next_one: str = "") -> None:
        """Choose by which key it signs, which one it announces beside it, and how it encrypts, if it does."""
        further = f"'saml20.sign.response' => {'true' if signs_response else 'false'}, 'saml20.sign.assertion' => true,"
        if encrypts:
            further += f"'assertion.encryption' => true, 'sharedkey_algorithm' => '{encrypts}',"
        if next_one:
            further += f"'new_privatekey' => '{next_one}.key', 'new_certificate' => '{next_one}.crt',"
        self._writes("saml20-idp-hosted.php", _HOSTED, entity_id=self.entity_id, key=name, further=further)

    def puts_in(self, *groups: str) -> None:
        """Choose the groups of the one person whom it knows."""
        self._writes("authsources.php", _SOURCES, groups=", ".join(f"'{one}'" for one in groups))

    def _writes(self, name: str, content: str, **values: str) -> None:
        known = {"address": self.address, "directory": str(self.directory), "www": str(_WWW)} | values
        for key, value in known.items():
            content = content.replace(f"{{{key}}}", value)
        fresh = self.directory / f"{name}.new"
        fresh.write_text(content)
        fresh.rename(self.directory / name)

    def _writes_key(self, name: str, who: Signer) -> None:
        (self.directory / f"{name}.key").write_bytes(who.private_pem)
        (self.directory / f"{name}.crt").write_text(who.pem)

    def _waits(self) -> None:
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            with suppress(OSError):
                self.metadata()
                return
            time.sleep(0.05)
        raise RuntimeError((self.directory / "php.log").read_text())
