# Sourced by the scripts that start, stop and use a running copy.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
service_user=www-data           # what the servers run as when root starts them

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Runs a command as the user the servers run as: this one, or www-data for
# root.  PostgreSQL refuses root, and nginx needs no privilege here.
as_service() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$service_user" --regid="$service_user" --init-groups \
            --inh-caps=-all -- env -C / HOME=/nonexistent "$@"
    else
        "$@"
    fi
}

# Prints the directory that really holds the running copy of RUN_DIR.  It is
# another one only when the servers' user could not reach RUN_DIR; then
# RUN_DIR/location names it.
place_of() {
    local dir
    dir=$(realpath -m -- "$1")
    if [ -f "$dir/location" ]; then
        dir=$(< "$dir/location")
    fi
    printf '%s\n' "$dir"
}

# Ends here if the running copy in DIR belongs to somebody else: its servers
# could be neither started nor stopped. What root makes belongs to www-data.
must_own() {
    local owner
    [ -e "$1" ] && [ ! -O "$1" ] || return 0
    owner=$(stat -c %U -- "$1")
    if [ "$(id -u)" = 0 ]; then
        [ "$owner" != "$service_user" ] && [ -e "$1/nginx.conf" ] || return 0
    elif [ "$owner" = "$service_user" ]; then
        owner=root
    fi
    fail "$1 belongs to $owner: run this as that user, or choose another" \
         "RUN_DIR="
}

# Makes RUN_DIR (or its replacement) for the servers' user and prints it.
make_place() {
    local asked dir
    asked=$(realpath -m -- "$1")
    dir=$(place_of "$1")

    case $dir in
        *[!A-Za-z0-9_./+,=@-]*)
            fail "'$dir': only letters, digits and _./+,=@- can be in the" \
                 "path of RUN_DIR; choose another with RUN_DIR=" ;;
    esac

    mkdir -p -- "$dir" || fail "cannot make $dir; choose another RUN_DIR="
    must_own "$dir"
    if [ "$(id -u)" = 0 ]; then
        if ! as_service test -x "$(dirname -- "$dir")"; then
            dir=$(as_service mktemp -d /var/tmp/ehr-run.XXXXXX)
            printf '%s\n' "$dir" > "$asked/location"
            echo "note: user $service_user cannot reach $asked;" \
                 "everything is below $dir instead" >&2
        fi
        chown -- "$service_user:$service_user" "$dir"
    fi
    printf '%s\n' "$dir"
}

# Prints the process id of the nginx that runs from DIR; fails if none does.
nginx_of() {
    local pid
    [ -s "$1/nginx.pid" ] && pid=$(< "$1/nginx.pid") || return 1
    tr '\0' ' ' 2> /dev/null < "/proc/$pid/cmdline" \
        | grep -qF -- "$1/nginx.conf" || return 1
    printf '%s\n' "$pid"
}

# Prints the URL of the nginx configured in DIR.
url_of() {
    sed -n 's|^ *listen *\(127\.0\.0\.1:[0-9]*\);.*|http://\1|p' "$1/nginx.conf"
}

# The settings with which psql and libpq find the database of DIR.
use_database() {
    PGHOST=$("$top/tools/cluster" socket "$1")
    export PGHOST PGDATABASE=ehr PGPORT=5432 PGUSER="${PGUSER:-postgres}"
    export PGOPTIONS='--client-min-messages=warning'
    unset PGPASSWORD PGSERVICE PGHOSTADDR
}
