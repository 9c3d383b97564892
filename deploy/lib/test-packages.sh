#!/bin/sh
# Installs what the tests need from Debian: a browser, a transaction pooler, text recognition, Node for its clients, a token of software.
# Without the token its tests are skipped, so that one is only tried.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v pgbouncer >/dev/null 2>&1 || missing="$missing pgbouncer"
command -v tesseract >/dev/null 2>&1 || missing="$missing tesseract-ocr tesseract-ocr-deu"
{ command -v node && command -v npm; } >/dev/null 2>&1 || missing="$missing nodejs npm"
optional=""
command -v softhsm2-util >/dev/null 2>&1 || optional="softhsm2"
command -v ip >/dev/null 2>&1 || [ -x /usr/sbin/ip ] || optional="$optional iproute2"
[ -n "$missing$optional" ] || exit 0
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  [ -n "$missing" ] || sudo -n true 2>/dev/null || { echo "Tests that need it are skipped. As root: apt-get install $optional"; exit 0; }
  command -v sudo >/dev/null 2>&1 || { echo "The tests need:$missing. As root: apt-get install$missing" >&2; exit 1; }
  as_root="sudo"
fi
echo "Installing$missing $optional"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq || [ -z "$missing" ]
# pgbouncer would start a service of its own; the tests start theirs.
[ -z "$missing" ] || $as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
[ -z "$optional" ] || $as_root apt-get install -y -qq --no-install-recommends $optional >/dev/null 2>&1 ||
  echo "That was not possible: $optional. Tests that need it are skipped."
$as_root systemctl disable --now pgbouncer >/dev/null 2>&1 || true
