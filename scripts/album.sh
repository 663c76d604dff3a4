#!/usr/bin/env bash
# Keeps pictures of every page under docs/screenshots: a fresh demo, light and dark, 1440 and 390 px wide, each page checked with axe.
# Usage: album.sh [FOLDER]
folder=$(realpath -m -- "${1:-$(dirname "$0")/../docs/screenshots}")
. "$(dirname "$0")/environment.sh"
scripts/prepare.sh test
scripts/build.sh
data=$(mktemp -d)
chmod 755 "$data" # the cluster runs as another user
export MILLRACE_DATA_DIR="$data/data"
millrace() { target/release/millrace "$@"; }
millrace demo --fresh --listen 127.0.0.1:0 >"$data/said" 2>"$data/log" &
demo=$!
trap 'kill "$demo" 2>/dev/null; wait "$demo" || true; rm -rf "$data"' EXIT
for _ in $(seq 240); do
    grep -q 'Password' "$data/said" && break
    kill -0 "$demo" || { cat "$data/log" >&2; exit 1; }
    sleep 1
done
url=$(grep -om1 'http://[0-9.:]*' "$data/said")
email=$(grep -om1 '[a-z.]*@[a-z.]*' "$data/said")
password=$(sed -n 's/.*Password of everybody: *//p' "$data/said" "$data"/data/* 2>/dev/null | head -1)
one() { millrace --json job list "$1" --limit 1 | sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | head -1; }
failed=$(one state:failed) succeeded=$(one state:succeeded)
group=$(millrace --json failure list | sed -n 's/.*"fingerprint": *"\([0-9a-f]*\)".*/\1/p' | head -1)
scripts/screenshots.sh "$url" "$email" "$password" "$folder" \
    / /jobs '/jobs?q=state:failed+-tag:test+attempt:%3E1' /jobs/new "/jobs/$failed" "/jobs/$succeeded" "/jobs/$failed/log" \
    "/jobs/compare?a=$failed&b=$succeeded" "/operations/new?act=retry&all=on&q=state:failed" /operations /views \
    /failures "/failures/$group" /queues /queues/mail /nodes /pools /templates /templates/mail.send /templates/mail.send/edit \
    /database /people /roles /tokens /account /account/security /notifications /palette /help
