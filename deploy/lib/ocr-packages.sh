#!/bin/sh
# Installs text recognition (OCR) from Debian where the rights allow. Without it all but scans and pictures is read, so
# this never fails; `appliance doctor` says what is missing. APPLIANCE_OCR_LANGUAGES names the languages.
set -u
command -v apt-get >/dev/null 2>&1 || exit 0
languages=$(printf '%s' "${APPLIANCE_OCR_LANGUAGES:-deu+eng}" | tr '+_A-Z' ' \-a-z')
missing=""
for package in tesseract-ocr $(printf 'tesseract-ocr-%s ' $languages); do
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
as_root=""
if [ "$(id -u)" -ne 0 ]; then
  # Never ask for a password: who starts the house may be a service.
  sudo -n true 2>/dev/null || {
    echo "Scans in $languages cannot all be read, and this user may not install what is missing. The rest works."
    echo "As root: apt-get install$missing   (afterwards, try failed scans again; \`appliance doctor\` says what is there)"
    exit 0
  }
  as_root="sudo -n"
fi
echo "Installing text recognition:$missing"
export DEBIAN_FRONTEND=noninteractive
{ $as_root apt-get update -qq && $as_root apt-get install -y -qq --no-install-recommends $missing; } >/dev/null 2>&1 ||
  echo "That was not possible. The rest works; for scans run, as root: apt-get install$missing"
exit 0
