#!/usr/bin/env bash
# Keeps pictures of every page under docs/screenshots: a fresh demo, light and dark, 1440 and 390 px wide, each page checked with axe. Fails
# in the end when a page has a problem.
# Usage: album.sh [FOLDER]
folder=$(realpath -m -- "${1:-$(dirname "$0")/../docs/screenshots}")
. "$(dirname "$0")/environment.sh"
scripts/prepare.sh pictures
scripts/build.sh
data=$(mktemp -d)
chmod 755 "$data" # the cluster runs as another user
export MILLRACE_DATA_DIR="$data/data"
millrace() { MILLRACE_DATA_DIR="$data/data-demo" target/release/millrace "$@"; }
target/release/millrace demo --fresh --listen 127.0.0.1:0 >"$data/said" 2>"$data/log" &
demo=$!
trap 'kill "$demo" 2>/dev/null; wait "$demo" || true; rm -rf "$data"' EXIT
for _ in $(seq 240); do
    grep -q 'Password' "$data/said" && break
    kill -0 "$demo" || { cat "$data/log" >&2; exit 1; }
    sleep 1
done
url=$(grep -om1 'http://[0-9.:]*' "$data/said")
email=$(grep -om1 '[a-z.]*@[a-z.]*' "$data/said")
password=$(sed -n 's/.*Password of everybody: *//p' "$data/said")
one() { millrace --json job list "$1" --limit 1 | sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | head -1; }
failed=$(one state:failed) succeeded=$(one state:succeeded) waiting=$(one state:scheduled)
node=$(millrace --json node list | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | sort | head -1)
pool=$(millrace --json pool list | sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' | head -1)
person=$(millrace --json user list | sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | head -1)
group=$(millrace --json failure list --sort most | grep -o '"fingerprint": *"[0-9a-f]*"' | head -1 | cut -d'"' -f4)
# what people made meanwhile, so that pages of operations and views are seen with something on them
millrace operation start retry 'state:failed template:webhook.deliver' --rate 20 --reason 'the partner answers again' >/dev/null
millrace operation start export 'state:failed created:-7d' >/dev/null
token=$(millrace --json token add --name album --scopes views:write --user "$email" --expires 1h | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
view() { curl -sSf -H "Authorization: Bearer $token" -H 'Content-Type: application/json' -d "$1" "$url/api/v1/views" >/dev/null; }
view '{"name": "Late mail", "address": "state=ready&queue=mail&q=wait%3A%3E5m", "visibility": "team", "pinned": true}'
view '{"name": "Failed since yesterday", "address": "state=failed&created=-24h", "visibility": "everyone"}'
# a draft, so that its difference from what runs is seen and publishing it can be asked about
millrace template show mail.send | sed 's/^description: .*/&, slowly at night/' >"$data/mail.yaml"
draft=$(millrace --json template apply --draft "$data/mail.yaml" | sed -n 's/.*"version": *\([0-9]*\).*/\1/p' | head -1)
rm -rf "$folder"
problems=0
scripts/screenshots.sh "$url" "" "" "$folder" "sign-in /sign-in" || problems=1
scripts/screenshots.sh "$url" "$email" "$password" "$folder" \
    "dashboard /" "jobs /jobs" "jobs-filtered /jobs?q=state:failed+-tag:test+attempt:%3E1" "job-new /jobs/new?template=mail.send" \
    "job-edit /jobs/$failed/edit" "job-hold /jobs/$waiting/hold" "job-failed /jobs/$failed" "job-succeeded /jobs/$succeeded" "job-log /jobs/$failed/log" "attempt /jobs/$failed/attempts/1" \
    "jobs-compared /jobs/compare?a=$failed&b=$succeeded" "operation-new /operations/new?act=retry&all=on&q=state:failed" \
    "operations /operations" "operation /operations/1" "views /views" "view-new /views/new?page=jobs&address=state%3Dfailed" "failures /failures" "failure /failures/$group" "queues /queues" "queue /queues/mail" \
    "nodes /nodes" "node /nodes/$node" "pools /pools" "pool /pools/$pool" "templates /templates" "template /templates/mail.send" \
    "template-diff /templates/mail.send/diff?from=$((draft - 1))&to=$draft" "template-publish /templates/mail.send/publish?version=$draft" \
    "schedules /schedules" "schedule /schedules/sales-report-morning" "schedule-history /schedules/disk-watch/history" "schedule-versions /schedules/disk-watch/versions" \
    "schedule-backfill /schedules/disk-watch/backfill" "schedules-day /schedules/calendar" "schedule-new /schedules/new" "calendars /calendars" "calendar /calendars/it-holidays" "template-edit /templates/mail.send/edit" "database /database" "people /people" "person /people/$person" "roles /roles" "tokens /tokens" \
    "account /account" "security /account/security" "notifications /notifications" "palette /palette?q=mail" "help /help" || problems=1
pngquant --force --ext .png --skip-if-larger --strip "$folder"/*.png
exit "$problems"
