#!/bin/sh
# Installs what the tests need from Debian: a browser, a transaction pooler, text recognition.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v pgbouncer >/dev/null 2>&1 || missing="$missing pgbouncer"
command -v tesseract >/dev/null 2>&1 || missing="$missing tesseract-ocr tesseract-ocr-deu"
[ -n "$missing" ] || exit 0
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null 2>&1 || { echo "The tests need:$missing. As root: apt-get install$missing" >&2; exit 1; }
  as_root="sudo"
fi
echo "Installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# pgbouncer would start a service of its own; the tests start theirs.
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
$as_root systemctl disable --now pgbouncer >/dev/null 2>&1 || true
