#!/bin/sh
# MinIOSection: Ingot in MinIO's place, for development: the variables, the port, the health addresses and the buckets that a
# section for MinIO has. The store lies in sparse files of one folder, so nothing protects it from the loss of a disk; a store for
# production is made of volumes by "ingot format". Runs by itself, or inside a start-up script, before JuiceFS (37).
#
#   MINIO_ENABLE=1         do it; 0, empty or unset: do nothing
#   MINIO_ROOT_USER, MINIO_ROOT_PASSWORD   or a file's path in MINIO_..._FILE; minioadmin and minioadmin unless set
#   MINIO_VOLUMES          a folder; /var/lib/minio unless set
#   MINIO_ADDRESS          [HOST]:PORT; 127.0.0.1:9000 unless set
#   MINIO_OPTS             --address ADDRESS, --certs-dir FOLDER (with public.crt and private.key)
#   MINIO_DEFAULT_BUCKETS  buckets to make, with commas or blanks between them
#   MINIO_REGION (or MINIO_SITE_REGION), MINIO_DOMAIN
#   MINIO_DEVELOPMENT=1    needed where the network reaches the store: yes, it is for development
#
# Exit 1 with one line when it did not work; run it again at any time: with other variables the store is started anew.
# shellcheck disable=SC2015 # of A && B || problem, problem is meant to be told when either fails
(
set +x -u
umask 077
PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin
START_S=60
STOP_S=60
pid_file=/run/minio-section.pid
log=/var/log/minio-section.log

say() { printf 'MinIOSection: %s\n' "$*"; }
problem() { say "$*" >&2; exit 1; }

switch() { # variable: fails unless it is 1
    eval "value=\${$1-}"
    case $value in
    1) return 0 ;;
    0 | '') return 1 ;;
    *) problem "$1=$value: 1 or 0 is meant" ;;
    esac
}

# Exports INGOT_$1 from MINIO_$1 or its file, or the value $2.
credential() {
    eval "value=\${MINIO_$1-} file=\${MINIO_$1_FILE-}"
    if [ -n "$file" ]; then
        [ -z "$value" ] || problem "MINIO_$1 and MINIO_$1_FILE are both set: keep one"
        [ -f "$file" ] && [ -r "$file" ] || problem "MINIO_$1_FILE=$file: there is no such file, or it cannot be read"
        value=$(cat "$file")
        [ -n "$value" ] || problem "MINIO_$1_FILE=$file: the file is empty"
    fi
    value=${value:-$2}
    case $value in
    *[[:cntrl:]]*) problem "MINIO_$1 has a line break or another control character in it" ;;
    esac
    [ ${#value} -ge "$3" ] || problem "MINIO_$1 is shorter than $3 characters"
    export "INGOT_$1=$value"
    unset "INGOT_$1_FILE"
}

read_options() {
    address=${MINIO_ADDRESS:-127.0.0.1:9000} certificates=''
    printf '%s' "${MINIO_OPTS-}" | xargs -n 1 printf '%s\n' > "$work/options" 2> /dev/null || problem "MINIO_OPTS=$MINIO_OPTS: a quote is not closed"
    awaits=''
    while IFS= read -r word; do
        option=$awaits$word awaits=''
        case $option in
        --address | --console-address | --certs-dir | -S) awaits=$option= ;;
        --address=?*) address=${option#*=} ;;
        --certs-dir=?* | -S=?*) certificates=${option#*=} ;;
        '') ;;
        --console-address=?*) unused="$unused $option" ;;
        *) problem "MINIO_OPTS: $option is not known here; --address [HOST]:PORT or --certs-dir FOLDER is meant" ;;
        esac
    done < "$work/options"
    [ -z "$awaits" ] || problem "MINIO_OPTS: ${awaits%=} needs a value"
}

# Sets listen and where to ask for its health: MinIO's ":9000" is every address of the host.
read_address() {
    host=${address%:*} port=${address##*:}
    case $port in
    '' | *[!0-9]*) host=wrong ;;
    esac
    case $host in
    127.*.*.* | localhost) host=127.0.0.1 health=127.0.0.1 ;;
    '[::1]') health=$host ;;
    '' | 0.0.0.0 | '[::]') host=${host:-0.0.0.0} health=127.0.0.1 network=1 ;;
    '['*:*']' | *[0-9].*.*.[0-9]*) health=$host network=1 ;;
    *) problem "MINIO_ADDRESS=$address: a host's address and a port are meant, such as 127.0.0.1:9000 or :9000" ;;
    esac
    export "INGOT_LISTEN=$host:$port"
    health=http://$health:$port
}

read_folder() {
    folder=${MINIO_VOLUMES:-/var/lib/minio}
    case $folder in
    *://* | *'{'* | *[[:space:]]*) problem "MINIO_VOLUMES=$folder: one folder is meant; a store of several volumes is made by: ingot format" ;;
    /?*) ;;
    *) problem "MINIO_VOLUMES=$folder: a folder's whole path is meant" ;;
    esac
    if [ -e "$folder/.minio.sys" ]; then
        problem "MINIO_VOLUMES=$folder has a MinIO's data, which is not Ingot's: name another folder, and copy the buckets (mc mirror)"
    elif [ -b "$folder" ]; then
        problem "MINIO_VOLUMES=$folder is a disk: a store of disks is made by: ingot format"
    elif [ -e "$folder" ] && [ ! -d "$folder" ]; then
        problem "MINIO_VOLUMES=$folder is not a folder"
    elif [ -d "$folder" ] && [ ! -e "$folder/volume0" ] && [ -n "$(ls -A "$folder")" ]; then
        problem "MINIO_VOLUMES=$folder has other files in it: name an empty folder"
    fi
}

read_variables() {
    network='' unused=''
    read_options
    read_address
    read_folder
    credential ROOT_USER minioadmin 3
    credential ROOT_PASSWORD minioadmin 8
    if [ -n "$network" ]; then
        switch MINIO_DEVELOPMENT || problem "MINIO_ADDRESS=$address is for all the network, and the files of $folder are no store for" \
            "production: MINIO_DEVELOPMENT=1 says that it is for development; for production see: ingot format --help"
        [ "$INGOT_ROOT_PASSWORD" != minioadmin ] || problem "MINIO_ROOT_PASSWORD is minioadmin or not set: where the network reaches the" \
            "store (MINIO_ADDRESS=$address), it needs a password of its own"
    fi
    case ${MINIO_DEFAULT_BUCKETS-} in
    *:*) problem "MINIO_DEFAULT_BUCKETS=$MINIO_DEFAULT_BUCKETS: names alone are meant; who may use a bucket is set with mc or aws" ;;
    esac
    INGOT_DEFAULT_BUCKETS=$(printf '%s' "${MINIO_DEFAULT_BUCKETS-}" | tr ',;' '  ')
    export INGOT_DEFAULT_BUCKETS
    region=${MINIO_SITE_REGION:-${MINIO_REGION-}}
    [ -z "$region" ] || export "INGOT_REGION=$region"
    [ -z "${MINIO_DOMAIN-}" ] || export "INGOT_DOMAIN=$MINIO_DOMAIN"
    if [ -n "$certificates" ]; then
        for file in public.crt private.key; do
            [ -r "$certificates/$file" ] || problem "MINIO_OPTS: --certs-dir $certificates: there is no $file, or it cannot be read"
        done
        export "INGOT_TLS_CERTIFICATE=$certificates/public.crt" "INGOT_TLS_KEY=$certificates/private.key"
        health=https${health#http}
    fi
    # shellcheck disable=SC2013 # no blanks in these names
    for name in $(awk 'BEGIN { for (name in ENVIRON) if (name ~ /^MINIO_[A-Z0-9_]+$/) print name }' | sort); do
        case $name in
        MINIO_ENABLE | MINIO_ROOT_USER | MINIO_ROOT_PASSWORD | MINIO_ROOT_*_FILE | MINIO_VOLUMES | MINIO_ADDRESS | MINIO_OPTS) ;;
        MINIO_DEFAULT_BUCKETS | MINIO_REGION | MINIO_SITE_REGION | MINIO_DOMAIN | MINIO_DEVELOPMENT) ;;
        *) unused="$unused $name" ;;
        esac
    done
    [ -z "$unused" ] || say "not used:$unused" >&2
}

is_ready() { curl -fsSk --noproxy '*' --max-time 5 "$health/minio/health/ready" > /dev/null 2>&1; }

# The process that an earlier run has started, as long as its number is not another's.
running() {
    pid=$(sed -n 1p "$pid_file" 2> /dev/null) || return 1
    case $(tr '\0' ' ' 2> /dev/null < "/proc/${pid:-none}/cmdline") in
    'ingot dev --dir '*) return 0 ;;
    *) return 1 ;;
    esac
} 2> /dev/null

stop() {
    say "stopping process $pid, which has other variables"
    kill "$pid"
    waited=0
    while running; do
        [ "$waited" -lt "$STOP_S" ] || problem "process $pid does not end within $STOP_S s"
        sleep 1
        waited=$((waited + 1))
    done
}

start() {
    ! curl -sk --noproxy '*' --max-time 5 -o /dev/null "$health/" || problem "MINIO_ADDRESS=$address: something else answers there already"
    mkdir -p "$folder" 2> "$work/error" || problem "MINIO_VOLUMES=$folder cannot be made: $(tail -n 1 "$work/error")"
    : > "$log" || problem "$log cannot be written"
    setsid ingot dev --dir "$folder" >> "$log" 2>&1 < /dev/null 9>&- &
    pid=$!
    printf '%s\n%s\n' "$pid" "$settings" > "$pid_file" || { kill "$pid"; problem "$pid_file cannot be written"; }
}

await() {
    waited=0
    until is_ready; do
        kill -0 "$pid" 2> /dev/null || problem "ingot has ended: $(tail -n 1 "$log" | sed 's/^<[0-9]>//; s/^error: //'); see $log"
        [ "$waited" -lt $((START_S * 2)) ] || problem "ingot (process $pid) is not ready within $START_S s; see $log"
        sleep 0.5
        waited=$((waited + 1))
    done
}

main() {
    switch MINIO_ENABLE || return 0
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    for program in ingot curl setsid flock; do
        command -v "$program" > /dev/null 2>&1 || problem "$program is not installed"
    done
    exec 9> /run/minio-section.lock && flock -w 300 9 || problem "another run on this host does not end"
    read_variables
    settings=$({ printf '%s\n' "$folder"; env | LC_ALL=C grep '^INGOT_' | sort; } | sha256sum)
    if running && [ "$(sed -n 2p "$pid_file")" != "$settings" ]; then
        stop
    fi
    if ! running; then
        start
    fi
    await
    say "for development: Ingot serves $health with the files of $folder"
}

main
)
case $? in
0) ;;
*) exit 1 ;;
esac
