#!/bin/sh
# Checks an unpacked package of the audit log with openssl, ssh-keygen and coreutils alone:
#   unzip package.zip -d package && sh package/verify/verify.sh package
# Exit code 0: intact, 1: altered, 2: incomplete, or a tool is missing.
# With the witness's key as second argument, and a file of the time-stamping authority's certificates as third ('' leaves one out), the
# checkpoint must be cosigned by the one and stamped by the other.
# It shows that every file is as the log's key signed it, and that the key signed the checkpoint. That the entries lead to that
# checkpoint, and that the log continues an earlier one, is shown by verify.py, which needs Python alone.
set -u
witness=${2:-} authority=${3:-}
case "$authority" in '' | /*) ;; *) authority=$PWD/$authority ;; esac
cd "${1:-.}" || exit 2
for tool in openssl ssh-keygen sha256sum base64 head tail cut cat mktemp od wc date tr; do
  command -v "$tool" >/dev/null || { echo "INCOMPLETE: $tool is missing here"; exit 2; }
done
for file in SHA256SUMS SHA256SUMS.sig MANIFEST.json log/checkpoint.note keys/log.keys keys/log.pem keys/allowed_signers; do
  [ -f "$file" ] || { echo "INCOMPLETE: $file is missing"; exit 2; }
done
# What a package says must not move a terminal's cursor, nor write over what stands there.
shown() { LC_ALL=C tr -c '\n -~' '?'; }
scratch=$(mktemp -d) || exit 2
trap 'rm -r "$scratch"' EXIT
# The key is the last of keys/log.keys, NAME+ID+KEY, where KEY may hold '+'. The other two files must be that key, and nothing else.
key=$(tail -n 1 keys/log.keys)
origin=${key%%+*}
key=${key#*+*+}
printf '%s' "$key" | base64 --decode 2>/dev/null | tail -c 32 >"$scratch/key"
{ printf '\001'; cat "$scratch/key"; } | base64 >"$scratch/log"
{ printf '\000\000\000\013ssh-ed25519\000\000\000\040'; cat "$scratch/key"; } | base64 >"$scratch/ssh"
{ printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$scratch/key"; } | base64 >"$scratch/der"
printf 'log namespaces="cloister-audit-package" ssh-ed25519 %s\n' "$(cat "$scratch/ssh")" >"$scratch/signers"
printf '%s\n' '-----BEGIN PUBLIC KEY-----' "$(cat "$scratch/der")" '-----END PUBLIC KEY-----' >"$scratch/pem"
same() { [ "$(sha256sum <"$1")" = "$(sha256sum <"$2")" ]; }
{ [ "$(cat "$scratch/log")" = "$key" ] && same "$scratch/signers" keys/allowed_signers && same "$scratch/pem" keys/log.pem; } ||
  { echo "ALTERED: keys/log.pem or keys/allowed_signers is not the last key of keys/log.keys, or holds more"; exit 1; }
ssh-keygen -Y verify -f keys/allowed_signers -I log -n cloister-audit-package -s SHA256SUMS.sig <SHA256SUMS >/dev/null 2>&1 ||
  { echo "ALTERED: SHA256SUMS is not as the log's key signed it"; exit 1; }
# ssh-keygen passes over what stands behind a signature.
{ echo '-----BEGIN SSH SIGNATURE-----'; tail -n +2 SHA256SUMS.sig | head -n -1 | base64 --decode 2>/dev/null | base64 -w 70; echo '-----END SSH SIGNATURE-----'; } >"$scratch/sig"
same "$scratch/sig" SHA256SUMS.sig || { echo "ALTERED: SHA256SUMS.sig holds more than a signature"; exit 1; }
# Nothing else may lie there: no further file, hidden or in a folder of its own, and no link, which may lead out of the package.
names="
SHA256SUMS
SHA256SUMS.sig
$(cut -c67- SHA256SUMS)
"
for file in * .* */* */.*; do
  case "$file" in . | .. | */. | */..) continue ;; esac
  [ -e "$file" ] || [ -L "$file" ] || continue
  case "$file" in
  *"
"*) ;; # two listed names, one below the other, are no name
  *)
    if [ -f "$file" ] && [ ! -L "$file" ]; then
      case "$names" in *"
$file
"*) continue ;; esac
    elif [ -d "$file" ] && [ ! -L "$file" ]; then
      case "$file" in */*) ;; *) case "$names" in *"
$file/"*) continue ;; esac ;; esac
    fi
    ;;
  esac
  printf 'ALTERED: %s does not belong to the package\n' "$file" | shown
  exit 1
done
cut -c67- SHA256SUMS | while read -r file; do [ -f "$file" ] || exit 1; done || { echo "INCOMPLETE: a listed file is missing"; exit 2; }
sha256sum --check --strict --quiet SHA256SUMS >/dev/null 2>&1 || { echo "ALTERED: a file is not the listed one"; exit 1; }
[ "$(head -n 1 log/checkpoint.note)" = "$origin" ] || { echo "ALTERED: the checkpoint is of another log than the key"; exit 1; }
case "$(cat MANIFEST.json)" in
  *"\"origin\": \"$origin\""*) ;;
  *) echo "ALTERED: the manifest tells of another log than the key"; exit 1 ;;
esac
head -n 3 log/checkpoint.note >"$scratch/text"
if [ -n "$witness" ]; then
  name=${witness%%+*}
  printf '%s' "${witness#*+*+}" | base64 --decode 2>/dev/null | tail -c 32 >"$scratch/witness"
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000'; cat "$scratch/witness"; } | base64 >"$scratch/der"
  printf '%s\n' '-----BEGIN PUBLIC KEY-----' "$(cat "$scratch/der")" '-----END PUBLIC KEY-----' >"$scratch/witness.pem"
  tail -n +5 log/checkpoint.note | while read -r dash signer line; do
    [ "$signer" = "$name" ] || continue
    printf '%s' "$line" | base64 --decode 2>/dev/null >"$scratch/line"
    [ "$(wc -c <"$scratch/line")" -eq 76 ] || continue
    tail -c 64 "$scratch/line" >"$scratch/signature"
    at=0
    for digit in $(head -c 12 "$scratch/line" | tail -c 8 | od -An -v -tu1); do at=$((at * 256 + digit)); done
    { printf 'cosignature/v1\ntime %s\n' "$at"; cat "$scratch/text"; } >"$scratch/cosigned"
    openssl pkeyutl -verify -pubin -inkey "$scratch/witness.pem" -rawin -in "$scratch/cosigned" -sigfile "$scratch/signature" \
      >/dev/null 2>&1 && { date -u -d "@$at" +%Y-%m-%dT%H:%M:%SZ >"$scratch/seen"; break; }
  done
  [ -s "$scratch/seen" ] || { echo "INCOMPLETE: the witness $name did not cosign the checkpoint"; exit 2; }
fi
if [ -n "$authority" ]; then
  [ -f stamps/checkpoint.tsr ] || { echo "INCOMPLETE: the checkpoint has no time stamp"; exit 2; }
  # The certificates are judged as of the moment of the stamp: it outlives them.
  stamped=$(openssl ts -reply -in stamps/checkpoint.tsr -text 2>/dev/null | while IFS= read -r line; do
    case "$line" in "Time stamp: "*) date -u -d "${line#Time stamp: }" +%s ;; esac
  done)
  openssl ts -verify -in stamps/checkpoint.tsr -data "$scratch/text" -CAfile "$authority" -attime "${stamped:-0}" >/dev/null 2>&1 ||
    { echo "ALTERED: the time stamp is not over the checkpoint, or not by these certificates"; exit 1; }
fi
head -n 5 log/checkpoint.note | tail -n 1 | cut -d ' ' -f 3 | base64 --decode | tail -c 64 >"$scratch/signature"
openssl pkeyutl -verify -pubin -inkey keys/log.pem -rawin -in "$scratch/text" -sigfile "$scratch/signature" >/dev/null 2>&1 ||
  { echo "ALTERED: the checkpoint is not signed by the log's key"; exit 1; }
echo "proven    every file is as the log's key signed it, and the checkpoint is:"
head -n 3 log/checkpoint.note | shown
[ -z "$witness" ] || echo "proven    the witness ${witness%%+*} saw this checkpoint, at $(cat "$scratch/seen")"
[ -z "$authority" ] || echo "proven    the time-stamping authority saw this checkpoint, at $(date -u -d "@$stamped" +%Y-%m-%dT%H:%M:%SZ)"
echo "unproven  whose key it is: compare it with the one on the audit page:"
tail -n 1 keys/log.keys | shown
name=$(head -n 1 log/checkpoint.note) && name=${name#*/} && name=${name%%/*}
case "$name" in *.*) printf 'unproven  what was lost before epoch %s of the log began, and who was told: verify.py shows it\n' "${name#*.}" | shown ;; esac
echo "unproven  that the entries lead to the checkpoint: verify.py shows it"
echo "INTACT"
