#!/bin/sh
# Fetches the third-party files under static/ again through npm and verifies them against
# static/vendor/vendor.lock. `--update` writes the hashes of what was fetched into the lock instead:
# use it after changing a version or static/vendor/lucide/icons.txt, and read the diff.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
lock=$root/static/vendor/vendor.lock
update=no
[ "${1:-}" = --update ] && update=yes
tab=$(printf '\t')

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Unpacks one npm package once; prints the folder that holds it.
unpack() {
    folder=$work/$(printf '%s' "$1@$2" | tr '/@' '__')
    if [ ! -d "$folder" ]; then
        mkdir -p "$folder"
        archive=$(cd "$work" && npm pack --silent "$1@$2")
        tar -xzf "$work/$archive" -C "$folder"
    fi
    printf '%s/package' "$folder"
}

# Writes one sprite from the icons named in icons.txt: a <symbol> per icon, without attributes of
# its own, so that size, stroke and colour come from the stylesheet at the place of use.
sprite() {
    printf '<svg xmlns="http://www.w3.org/2000/svg"><!-- Lucide %s, ISC: see vendor/lucide/LICENSE.txt -->\n' "$2"
    while read -r name; do
        printf '<symbol id="%s" viewBox="0 0 24 24">' "$name"
        sed -n '/<svg/,/<\/svg>/p' "$1$name.svg" | sed -n '/^  *<[a-z]/p' | sed 's/^ *//; s| */>|/>|' | tr -d '\n'
        printf '</symbol>\n'
    done < "$root/static/vendor/lucide/icons.txt"
    printf '</svg>\n'
}

new=$work/vendor.lock
failed=no
while IFS= read -r line; do
    case $line in '' | '#'*) printf '%s\n' "$line" >> "$new"; continue ;; esac
    IFS=$tab read -r package version source target expected licence <<EOF
$line
EOF
    folder=$(unpack "$package" "$version")
    fetched=$work/fetched
    case $source in
        */) sprite "$folder/$source" "$version" > "$fetched" ;;
        *) cp "$folder/$source" "$fetched" ;;
    esac
    actual=$(sha256sum "$fetched" | cut -d' ' -f1)
    if [ "$update" = no ] && [ "$actual" != "$expected" ]; then
        printf 'vendor: %s of %s@%s is %s, the lock says %s\n' "$source" "$package" "$version" "$actual" "$expected" >&2
        failed=yes
        continue
    fi
    mkdir -p "$(dirname "$root/static/$target")"
    cp "$fetched" "$root/static/$target"
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$package" "$version" "$source" "$target" "$actual" "$licence" >> "$new"
done < "$lock"

[ "$failed" = no ] || exit 1
[ "$update" = no ] || cp "$new" "$lock"
printf 'vendor: %s files match\n' "$(grep -cv '^#' "$new")"
