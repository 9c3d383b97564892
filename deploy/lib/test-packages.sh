#!/bin/sh
# Installs what the tests need from Debian: a browser, a transaction pooler, text recognition, Node for its clients, openssl, a token of software,
# a clock to move, rsyslog, sshd, Go and age, which open what the audit log exports, and SimpleSAMLphp. Without the token, the clock, rsyslog, sshd,
# Go, age or SimpleSAMLphp their tests are skipped, so those are only tried.
set -eu
missing=""
command -v chromium >/dev/null 2>&1 || missing="$missing chromium"
command -v pgbouncer >/dev/null 2>&1 || missing="$missing pgbouncer"
command -v tesseract >/dev/null 2>&1 || missing="$missing tesseract-ocr tesseract-ocr-deu"
{ command -v node && command -v npm; } >/dev/null 2>&1 || missing="$missing nodejs npm"
optional=""
command -v softhsm2-util >/dev/null 2>&1 || optional="softhsm2"
command -v faketime >/dev/null 2>&1 || optional="$optional faketime"
command -v openssl >/dev/null 2>&1 || missing="$missing openssl"
{ command -v rsyslogd || [ -x /usr/sbin/rsyslogd ]; } >/dev/null 2>&1 || optional="$optional rsyslog"
ls /usr/lib/*/rsyslog/lmnsd_ossl.so >/dev/null 2>&1 || optional="$optional rsyslog-openssl"
{ command -v sshd || [ -x /usr/sbin/sshd ]; } >/dev/null 2>&1 || optional="$optional openssh-server"
command -v ip >/dev/null 2>&1 || [ -x /usr/sbin/ip ] || optional="$optional iproute2"
{ command -v go >/dev/null 2>&1 && [ -d /usr/share/gocode/src/golang.org/x/mod/sumdb ]; } ||
  optional="$optional golang-go golang-golang-x-mod-dev"
command -v age >/dev/null 2>&1 || optional="$optional age"
{ command -v php >/dev/null 2>&1 && [ -d /usr/share/simplesamlphp/www ]; } ||
  optional="$optional simplesamlphp php-cli php-xml php-mbstring php-curl"
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
# Nor would rsyslog or sshd, where they were not there before.
case " $optional " in *" openssh-server "*) $as_root systemctl disable --now ssh >/dev/null 2>&1 || true ;; esac
# SimpleSAMLphp brings a web server along; the tests use PHP's own.
case " $optional " in *" simplesamlphp "*) $as_root systemctl disable --now apache2 >/dev/null 2>&1 || true ;; esac
case " $optional " in *" rsyslog "*) $as_root systemctl disable --now rsyslog >/dev/null 2>&1 || true ;; esac
