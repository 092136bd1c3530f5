#!/bin/sh
# JuiceFSSection: mounts a JuiceFS volume whose data lies in an S3 bucket. Runs by itself, or inside a start-up script, after
# the object store (35) and before Docker (40). All comes from the environment; docs/juicefs.md explains each variable:
#
#   JFS_ENABLE=1           do it; 0, empty or unset: do nothing
#   JFS_NAME               the volume
#   JFS_MOUNTPOINT         where it is mounted
#   JFS_META               metadata engine, such as redis://host:6379/1; JFS_META_PASSWORD is its password
#   JFS_STORAGE            s3 or minio
#   JFS_ENDPOINT           http(s)://host[:port] of the object store
#   JFS_BUCKET             a bucket that is there
#   JFS_ACCESS_KEY, JFS_SECRET_KEY
#   JFS_FORMAT_IF_MISSING  1: format the volume when the metadata engine has none; of many hosts one does it
#   JFS_CACHE_DIR, JFS_CACHE_SIZE (100GB, 512MiB, ...; a bare number is MiB)
#   JFS_MOUNT_OPTS         flags of juicefs mount, or -o writeback,max-uploads=20,...
#   JFS_SYSTEMD            1: keep it by juicefs-mount@NAME.service, at each boot
#   JFS_URL, JFS_SHA256    where to get the client when it is not installed, and the checksum of that file
#   JFS_CHECK              1: only say what is wrong, all of it, and change nothing
#
# JFS_META, JFS_META_PASSWORD, JFS_ACCESS_KEY and JFS_SECRET_KEY may be given as a file's path in JFS_..._FILE. No secret is put
# into an argument list, a file of others or a log. Exit 1 with one line when it did not work; run it again at any time.
# shellcheck disable=SC2015 # of A && B || problem, problem is meant to be told when either fails
(
set +x -u
umask 022
PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin
LOCK_S=60   # a format lock that did not change for so long is what a crash left
FORMAT_S=45 # so long a format may take: less, so that the lock's holder never works when it is taken over
MOUNT_S=60  # and a mount
problems=0 check='' work=''

say() { printf 'JuiceFSSection: %s\n' "$*"; }
problem() { # what is wrong, and what to do: the end, except of a check
    say "$*" >&2
    problems=$((problems + 1))
    [ -n "$check" ] || exit 1
}
lacking() { ! command -v "$1" > /dev/null 2>&1; }

# --- The variables ---------------------------------------------------------------------------------------------------------

switch() { # variable: fails unless it is 1
    eval "value=\${$1-}"
    case $value in
    1) return 0 ;;
    0 | '') return 1 ;;
    *) problem "$1=$value: 1 or 0 is meant"; return 1 ;;
    esac
}

# Sets value to what the variable, or the file that its _FILE names, holds.
secret() {
    eval "value=\${$1-} file=\${$1_FILE-}"
    [ -n "$file" ] || return 0
    [ -z "$value" ] || problem "$1 and $1_FILE are both set: keep one"
    if [ -f "$file" ] && [ -r "$file" ]; then
        value=$(cat "$file")
        [ -n "$value" ] || problem "$1_FILE=$file: the file is empty"
    else
        problem "$1_FILE=$file: there is no such file, or it cannot be read"
    fi
}

one_line() { # variable, value
    case $2 in
    *[[:cntrl:]]*) problem "$1 has a line break or another control character in it" ;;
    esac
}

matches() { printf '%s\n' "$2" | LC_ALL=C grep -Eq "^($1)\$"; }

# Writes hexadecimal digits as the bytes they are, by printf alone: no other process sees them.
unhex() {
    digits=$1 escaped=''
    while [ -n "$digits" ]; do
        rest=${digits#??}
        byte=$((0x${digits%"$rest"}))
        digits=$rest escaped=$escaped\\$((byte / 64))$((byte / 8 % 8))$((byte % 8))
    done
    # shellcheck disable=SC2059
    printf "$escaped"
}

# The user part of a URL as it is meant: %41 is A.
unescape() {
    rest=$1 text=''
    while [ "${rest#*%}" != "$rest" ]; do
        text=$text${rest%%\%*} rest=${rest#*%}
        pair=$(printf '%.2s' "$rest")
        if matches '[0-9A-Fa-f]{2}' "$pair"; then
            text=$text$(unhex "$pair") rest=${rest#??}
        else
            text=$text%
        fi
    done
    printf '%s' "$text$rest"
}

# Sets meta, without a password, and meta_password: an address in an argument list is everybody's to read.
read_meta() {
    secret JFS_META
    meta=$value
    secret JFS_META_PASSWORD
    meta_password=$value
    [ -n "$meta" ] || return 0
    one_line JFS_META "$meta"
    one_line JFS_META_PASSWORD "$meta_password"
    case $meta in
    [a-z]*://?*) ;;
    *) problem "JFS_META is no address of a metadata engine, such as redis://host:6379/1"; meta=''; return 0 ;;
    esac
    user=${meta#*://}
    case $user in
    *@*) user=${user%@*} ;;
    *) return 0 ;;
    esac
    case $user in
    *:?*)
        [ -z "$meta_password" ] || problem "JFS_META has a password in it and JFS_META_PASSWORD is set: keep one"
        meta_password=$(unescape "${user#*:}")
        meta=${meta%%://*}://${user%%:*}:@${meta##*@}
        ;;
    esac
}

read_variables() {
    name=${JFS_NAME-} mountpoint=${JFS_MOUNTPOINT-} storage=${JFS_STORAGE-} endpoint=${JFS_ENDPOINT-} bucket=${JFS_BUCKET-}
    read_meta
    secret JFS_ACCESS_KEY
    access_key=$value
    secret JFS_SECRET_KEY
    secret_key=$value
    missing=''
    for pair in "NAME$name" "MOUNTPOINT$mountpoint" "META$meta" "STORAGE$storage" "ENDPOINT$endpoint" "BUCKET$bucket" \
        "ACCESS_KEY$access_key" "SECRET_KEY$secret_key"; do
        case $pair in
        NAME | MOUNTPOINT | META | STORAGE | ENDPOINT | BUCKET | ACCESS_KEY | SECRET_KEY) missing="$missing JFS_$pair" ;;
        esac
    done
    [ -z "$missing" ] || problem "not set:$missing"
    one_line JFS_ACCESS_KEY "$access_key"
    one_line JFS_SECRET_KEY "$secret_key"
    for variable in NAME MOUNTPOINT STORAGE ENDPOINT BUCKET CACHE_DIR CACHE_SIZE MOUNT_OPTS URL SHA256; do
        eval "one_line JFS_$variable \"\${JFS_$variable-}\""
    done
    [ -z "$name" ] || matches '[a-z0-9][a-z0-9-]{1,61}[a-z0-9]' "$name" ||
        problem "JFS_NAME=$name: 3 to 63 small letters, digits and hyphens are meant"
    [ -z "$bucket" ] || matches '[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]' "$bucket" || problem "JFS_BUCKET=$bucket: this is no bucket's name"
    case $storage in
    '' | s3 | minio) ;;
    *) problem "JFS_STORAGE=$storage: s3 or minio is meant" ;;
    esac
    endpoint=${endpoint%/}
    [ -z "$endpoint" ] || matches 'https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?' "$endpoint" ||
        problem "JFS_ENDPOINT=$endpoint: http://host:port or https://host:port is meant, without the bucket"
    case $mountpoint in
    '' | /?*) mountpoint=${mountpoint%/} ;;
    *) problem "JFS_MOUNTPOINT=$mountpoint: a folder's whole path is meant, such as /mnt/jfs" ;;
    esac
    case ${JFS_CACHE_DIR-} in
    '' | /?*) ;;
    *) problem "JFS_CACHE_DIR=$JFS_CACHE_DIR: a folder's whole path is meant" ;;
    esac
    format_if_missing='' systemd=''
    ! switch JFS_FORMAT_IF_MISSING || format_if_missing=1
    ! switch JFS_SYSTEMD || systemd=1
    read_client_source
}

read_client_source() {
    case ${JFS_URL-} in
    '') return 0 ;;
    http://?* | https://?* | file:///?*) ;;
    *) problem "JFS_URL=$JFS_URL: an address that begins with https:// is meant" ;;
    esac
    matches '[0-9A-Fa-f]{64}' "${JFS_SHA256-}" ||
        problem "JFS_SHA256=${JFS_SHA256-}: the SHA-256 of what is at JFS_URL is meant, 64 hexadecimal digits"
}

# Sets mib to a size, as people write it.
mebibytes() { # variable, value
    mib=$(printf '%s\n' "$2" | awk '{
        $0 = toupper($0)
        if (!match($0, /^ *[0-9]+(\.[0-9]+)? *([KMGTP]I?B?)? *$/)) exit 1
        number = unit = $0
        gsub(/[^0-9.]/, "", number); gsub(/[^KMGTP]/, "", unit)
        mib = number * (unit == "" ? 1 : 1024 ^ (index("KMGTP", unit) - 2))
        if (mib < 1 && number + 0 != 0) exit 1
        printf "%.0f\n", mib
    }') || { mib=0; problem "$1=$2: a size is meant, such as 100GB"; }
}

# --- The flags of juicefs mount --------------------------------------------------------------------------------------------

FUSE_OPTIONS=' allow_other allow_root auto_unmount async atime blkdev debug default_permissions dev diratime dirsync exec fsname
 max_background max_read max_readahead nodev noatime nodiratime noexec nonempty nosuid relatime ro rw subtype suid sync writeback_cache '

# Puts one option, "name" or "name=value", as JuiceFS itself wants it into work/flags; FUSE's own are gathered in fuse.
mount_option() {
    option=${1%%=*}
    case $1 in
    d | background | _netdev | defaults | '') return 0 ;; # the background is where it goes anyhow
    cache-size=?*)
        mebibytes JFS_MOUNT_OPTS "${1#*=}"
        printf -- '--cache-size=%s\n' "$mib" >> "$work/flags"
        return 0
        ;;
    esac
    if grep -qxF -- "$option=" "$work/known"; then
        [ "$option" != "$1" ] || { problem "JFS_MOUNT_OPTS: $option needs a value"; return 0; }
        printf -- '--%s\n' "$1" >> "$work/flags"
    elif grep -qxF -- "$option" "$work/known"; then
        printf -- '--%s\n' "$1" >> "$work/flags"
    else
        case $FUSE_OPTIONS in
        *[[:space:]]"$option"[[:space:]]*) fuse=${fuse:+$fuse,}$1 ;;
        *) problem "JFS_MOUNT_OPTS: juicefs mount has no option $option" ;;
        esac
    fi
}

mount_options() { # after -o, separated by commas
    list=$1,
    while [ -n "$list" ]; do
        mount_option "${list%%,*}"
        list=${list#*,}
    done
}

# Reads JFS_MOUNT_OPTS, words that may be quoted, into work/flags: one flag a line.
read_mount_opts() {
    fuse='' awaits=''
    : > "$work/flags"
    printf '%s' "${JFS_MOUNT_OPTS--o allow_other}" | xargs -n 1 printf '%s\n' > "$work/words" 2> /dev/null || {
        problem "JFS_MOUNT_OPTS=$JFS_MOUNT_OPTS: a quote is not closed"
        return 0
    }
    juicefs mount --help | sed -nE 's/^ +--([a-z-]+)( [^ ]+)?(  .*|$)/\1\2/p' | sed 's/ .*/=/' > "$work/known"
    while IFS= read -r word; do
        case $awaits,$word in
        -o,*) awaits='' && mount_options "$word" ;;
        ?*,*) mount_option "$awaits=$word" && awaits='' ;;
        ,-o) awaits=-o ;;
        ,-o?*) mount_options "${word#-o}" ;;
        ,-d) ;;
        ,--*=*) mount_option "${word#--}" ;;
        ,--?*) if grep -qxF -- "${word#--}=" "$work/known"; then awaits=${word#--}; else mount_option "${word#--}"; fi ;;
        ,?*) problem "JFS_MOUNT_OPTS: $word is no option; -o NAME,NAME=VALUE or --NAME=VALUE is meant" ;;
        esac
    done < "$work/words"
    [ -z "$awaits" ] || problem "JFS_MOUNT_OPTS: ${awaits#-} needs a value"
    [ -z "${JFS_CACHE_DIR-}" ] || grep -q '^--cache-dir=' "$work/flags" || printf -- '--cache-dir=%s\n' "$JFS_CACHE_DIR" >> "$work/flags"
    if [ -n "${JFS_CACHE_SIZE-}" ]; then
        mebibytes JFS_CACHE_SIZE "$JFS_CACHE_SIZE"
        grep -q '^--cache-size=' "$work/flags" || printf -- '--cache-size=%s\n' "$mib" >> "$work/flags"
    fi
    [ -z "$fuse" ] || printf -- '-o\n%s\n' "$fuse" >> "$work/flags"
}

# --- The host --------------------------------------------------------------------------------------------------------------

install() { # packages
    say "installing $*"
    if ! lacking apt-get; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -y -qq --no-install-recommends "$@" || { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; }
    elif ! lacking dnf; then
        dnf install -y -q "$@"
    elif ! lacking apk; then
        apk add -q "$@"
    elif ! lacking pacman; then
        pacman -S --noconfirm --needed "$@"
    else
        return 1
    fi > "$work/install" 2>&1
}

# A package is only asked for when its command is not there: without a network, what is installed is used.
need() { # command, package
    lacking "$1" || return 0
    if [ -z "$check" ]; then
        install "$2"
        lacking "$1" || return 0
    fi
    problem "$1 is not installed: install the package $2$(tail -n 1 "$work/install" 2> /dev/null | sed 's/^/ (/; s/$/)/')"
}

need_fuse() {
    if lacking fusermount3 && lacking fusermount; then
        need fusermount3 fuse3
    fi
    version=$({ fusermount3 --version || fusermount --version; } 2> /dev/null | sed -n 's/.*version: *\([0-9.]*\).*/\1/p')
    case $version in
    0.* | 1.* | 2.[0-8] | 2.[0-8].*) problem "fusermount is of version $version: 2.9 or later is needed; install the package fuse3" ;;
    esac
    [ -c /dev/fuse ] || [ -n "$check" ] || modprobe fuse 2> /dev/null
    [ -c /dev/fuse ] || problem "there is no /dev/fuse: load the kernel's fuse module, or give the container the device (--device /dev/fuse)"
}

need_client() {
    lacking juicefs || return 0
    [ -n "${JFS_URL-}" ] || { problem "juicefs is not installed: install it, or set JFS_URL and JFS_SHA256"; return 0; }
    [ -z "$check" ] || { say "juicefs is not installed: it would come from $JFS_URL"; return 0; }
    say "getting $JFS_URL"
    curl -fsSL --retry 3 "$JFS_URL" -o "$work/download" 2> "$work/error" ||
        problem "juicefs is not installed, and $JFS_URL cannot be had: $(tail -n 1 "$work/error")"
    sum=$(sha256sum < "$work/download")
    [ "${sum%% *}" = "$(printf '%s' "$JFS_SHA256" | tr A-F a-f)" ] ||
        problem "what is at $JFS_URL has the SHA-256 ${sum%% *}, and JFS_SHA256 is $JFS_SHA256: nothing was installed"
    case $JFS_URL in
    *.tar.gz | *.tgz) tar -xzf "$work/download" -C "$work" juicefs 2> "$work/error" || problem "$JFS_URL has no file juicefs in it" ;;
    *) mv "$work/download" "$work/juicefs" ;;
    esac
    chmod 755 "$work/juicefs" && mkdir -p /usr/local/bin && cp "$work/juicefs" /usr/local/bin/.juicefs.new &&
        mv /usr/local/bin/.juicefs.new /usr/local/bin/juicefs || problem "/usr/local/bin/juicefs cannot be written"
}

# The mount's own line in /proc/mounts, where blanks are written \040.
mounted_as() {
    awk -v wanted="$(printf '%s' "$mountpoint" | sed 's/\\/\\\\134/g; s/ /\\\\040/g')" '$2 == wanted { found = $1 } END { print found }' /proc/mounts
}

check_mountpoint() {
    what=$(mounted_as)
    case $what in
    "JuiceFS:$name" | '') ;;
    *) problem "JFS_MOUNTPOINT=$mountpoint: $what is mounted there" ;;
    esac
    [ -z "$what" ] || return 0
    if [ -e "$mountpoint" ] && [ ! -d "$mountpoint" ]; then
        problem "JFS_MOUNTPOINT=$mountpoint is not a folder"
    elif [ -d "$mountpoint" ] && [ -n "$(ls -A "$mountpoint")" ]; then
        problem "JFS_MOUNTPOINT=$mountpoint is not empty: what is in it would be hidden"
    fi
}

allow_other() {
    ! grep -Eqs '^[[:space:]]*user_allow_other[[:space:]]*$' /etc/fuse.conf || return 0
    last=$(tail -c 1 /etc/fuse.conf 2> /dev/null)
    printf '%buser_allow_other\n' "${last:+\n}" >> /etc/fuse.conf && chmod 644 /etc/fuse.conf || problem "/etc/fuse.conf cannot be written"
}

# --- The bucket ------------------------------------------------------------------------------------------------------------

hex() { od -An -v -tx1 | tr -d ' \n'; }
sha256() { sha256sum | cut -d ' ' -f 1; }

# HMAC-SHA-256 of standard input with a key of hexadecimal digits, as such. Of the shell's own printf: openssl would have the
# key as an argument, and only young versions of curl sign.
hmac() {
    key=$1 inner='' outer=''
    [ ${#key} -le 128 ] || key=$(unhex "$key" | sha256)
    while [ ${#key} -lt 128 ]; do key=${key}00; done
    while [ -n "$key" ]; do
        rest=${key#??}
        byte=$((0x${key%"$rest"}))
        key=$rest
        inner=$inner\\$(((byte ^ 54) / 64))$(((byte ^ 54) / 8 % 8))$(((byte ^ 54) % 8))
        outer=$outer\\$(((byte ^ 92) / 64))$(((byte ^ 92) / 8 % 8))$(((byte ^ 92) % 8))
    done
    # shellcheck disable=SC2059
    inner=$({ printf "$inner"; cat; } | sha256)
    # shellcheck disable=SC2059
    { printf "$outer"; unhex "$inner"; } | sha256
}

# One request, signed (version 4). Sets http to its status and error to S3's code; the answer is in work/head and work/body.
s3() { # method, path, canonical query, more arguments of curl...
    method=$1 path=$2 query=$3
    shift 3
    now=$(date -u +%Y%m%dT%H%M%SZ)
    scope=${now%T*}/$region/s3/aws4_request
    host=${endpoint#*://}
    case $endpoint in
    http://*:80) host=${host%:80} ;;
    https://*:443) host=${host%:443} ;;
    esac
    canonical=$(printf '%s\n' "$method" "$path" "$query" "host:$host" x-amz-content-sha256:UNSIGNED-PAYLOAD "x-amz-date:$now" '' \
        'host;x-amz-content-sha256;x-amz-date' UNSIGNED-PAYLOAD)
    text=$(printf '%s\n' AWS4-HMAC-SHA256 "$now" "$scope" "$(printf '%s' "$canonical" | sha256)")
    signing=$(printf 'AWS4%s' "$secret_key" | hex)
    for part in "${now%T*}" "$region" s3 aws4_request; do
        signing=$(printf '%s' "$part" | hmac "$signing")
    done
    http=$(printf 'header = "Authorization: AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=host;x-amz-content-sha256;x-amz-date,Signature=%s"\n' \
        "$(printf '%s' "$access_key" | sed 's/[\\"]/\\&/g')" "$scope" "$(printf '%s' "$text" | hmac "$signing")" |
        curl -sS --config - --connect-timeout 10 --max-time 30 ${SSL_CERT_FILE:+--cacert "$SSL_CERT_FILE"} -X "$method" \
            -H "Host: $host" -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -H "x-amz-date: $now" -D "$work/head" -o "$work/body" \
            -w '%{http_code}' "$@" "$endpoint$path${query:+?$query}" 2> "$work/error")
    curl_status=$?
    error=$(sed -n 's/.*<Code>\([A-Za-z]*\)<.*/\1/p' "$work/body" 2> /dev/null)
}

s3_problem() {
    case $curl_status in
    0) ;;
    6) problem "JFS_ENDPOINT=$endpoint: there is no host of this name"; return 0 ;;
    7 | 28) problem "JFS_ENDPOINT=$endpoint does not answer: $(sed -n '$s/^curl: ([0-9]*) //p' "$work/error")"; return 0 ;;
    60 | 77) problem "JFS_ENDPOINT=$endpoint: its certificate is of no authority that this host trusts: add the authority to the system's" \
        "store, or name its file in SSL_CERT_FILE ($(grep -m 1 '^curl:' "$work/error" | sed 's/^curl: ([0-9]*) //'))"; return 0 ;;
    *) problem "JFS_ENDPOINT=$endpoint: $(grep -m 1 '^curl:' "$work/error")"; return 0 ;;
    esac
    case $error in
    RequestTimeTooSkewed | RequestExpired) problem "the clock of this host says $(date -u '+%Y-%m-%d %H:%M:%S') UTC, and that of" \
        "$endpoint $(sed -n 's/^[Dd]ate: *[A-Za-z]*,* *//p' "$work/head" | tr -d '\r'): set it (NTP)" ;;
    InvalidAccessKeyId) problem "JFS_ACCESS_KEY=$access_key: $endpoint knows no such key" ;;
    SignatureDoesNotMatch) problem "JFS_SECRET_KEY is not the secret of JFS_ACCESS_KEY=$access_key" ;;
    NoSuchBucket) problem "JFS_BUCKET=$bucket: there is no such bucket at $endpoint: make it" ;;
    AccessDenied) problem "JFS_ACCESS_KEY=$access_key may not use the bucket $bucket: let it" ;;
    AuthorizationHeaderMalformed) problem "the region of $endpoint is not $region: set AWS_REGION" ;;
    ?*) problem "$endpoint answers $error: $(sed -n 's/.*<Message>\([^<]*\)<.*/\1/p' "$work/body")" ;;
    *) problem "JFS_ENDPOINT=$endpoint answers with HTTP $http, and not as an S3 server" ;;
    esac
}

# Keys of the volume, into work/keys.
list_volume() {
    s3 GET "/$bucket" "list-type=2&max-keys=100&prefix=$name%2F"
    [ "$http" = 200 ] || { s3_problem; return 1; }
    sed 's/<Key>/\n&/g' "$work/body" | sed -n 's/^<Key>\([^<]*\)<.*/\1/p' > "$work/keys"
}

# --- The volume ------------------------------------------------------------------------------------------------------------

client() { META_PASSWORD=$meta_password timeout "$@" < /dev/null; }
reason() { sed -n 's/.*<FATAL>: \(.*\) \[[^]]*\]$/\1/p' "$1" | tail -n 1; }

# Sets state to "there", "missing" or "unknown"; a problem is told.
look() {
    if client 15 juicefs status "$meta" > "$work/status" 2> "$work/log"; then
        state=there
        return 0
    fi
    state=unknown
    why=$(reason "$work/log")
    case $why in
    *'not formatted'*) state=missing ;;
    ?*) problem "JFS_META=$meta: $why" ;;
    *) problem "JFS_META=$meta does not answer: $(sed -n 's/.*attempts: //p' "$work/log" | tail -n 1)" ;;
    esac
}

setting() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",*\$/\\1/p" "$work/status" | head -n 1; }

# The volume that is there must be the one that is meant.
check_volume() {
    [ "$(setting Name)" = "$name" ] || problem "JFS_META=$meta holds the volume $(setting Name), and JFS_NAME is $name"
    [ "$(setting Bucket | sed 's,/$,,')" = "$endpoint/$bucket" ] || grep -q '^--bucket=' "$work/flags" ||
        problem "the volume $name has its data in $(setting Bucket), and JFS_ENDPOINT and JFS_BUCKET are $endpoint/$bucket:" \
            "change them, or the volume (juicefs config), or say --bucket=URL in JFS_MOUNT_OPTS where it is the same data"
    [ "$(setting AccessKey)" = "$access_key" ] ||
        say "the volume $name uses the access key $(setting AccessKey), not JFS_ACCESS_KEY=$access_key; juicefs config changes it" >&2
}

# Takes the lock by a conditional PUT, which any metadata engine does for; fresh tells it from one that a crash left. When
# somebody else formats, waits until the volume is there. The lock's ETag is its holder's token: one that does not change for
# LOCK_S seconds, by the clock of this host alone, has lost its holder, who may work for less.
lock() {
    token=$(hostname)-$$-$(od -An -N 8 -tx1 /dev/urandom | tr -d ' ')
    seen='' since=0 waited=0
    while [ "$waited" -lt $((3 * LOCK_S)) ]; do
        s3 PUT "/$bucket/$name.format-lock" '' -H 'If-None-Match: *' --data-binary "$token"
        case $http in
        200) fresh=1; return 0 ;;
        409 | 412) ;;
        *) s3_problem; exit 1 ;;
        esac
        s3 GET "/$bucket/$name.format-lock" ''
        etag=$(sed -n 's/^[Ee][Tt][Aa][Gg]: *//p' "$work/head" | tr -d '\r')
        [ "$http" = 200 ] && [ "$etag" = "$seen" ] || seen=$etag since=$waited
        if [ "$http" = 200 ] && [ $((waited - since)) -ge "$LOCK_S" ]; then
            s3 PUT "/$bucket/$name.format-lock" '' -H "If-Match: $etag" --data-binary "$token"
            [ "$http" != 200 ] || { fresh=''; return 0; }
        fi
        [ "$waited" -gt 0 ] || say "another host formats $name: waiting"
        sleep 1
        waited=$((waited + 1))
        look
        [ "$state" != there ] || return 1
    done
    problem "the volume $name was not formatted within $waited s by the host that holds s3://$bucket/$name.format-lock: $(cat "$work/body")"
}

unlock() { s3 DELETE "/$bucket/$name.format-lock" ''; }

# Only a volume's own first object is what a broken format leaves, and only where a lock was left with it.
clear_remains() {
    list_volume || exit 1
    remains=$(sed "/^$name\/testing\//d" "$work/keys")
    [ -n "$remains" ] || return 0
    if [ -n "$fresh" ] || [ "$remains" != "$name/juicefs_uuid" ]; then
        unlock
        problem "the bucket $bucket has objects below $name/, and $meta knows no volume: it is not the volume's metadata engine, or has" \
            "lost it (juicefs load restores it from $name/meta/); nothing was formatted"
    fi
    s3 DELETE "/$bucket/$name/juicefs_uuid" ''
}

format() {
    lock || return 0
    look
    [ "$state" != there ] || { unlock; return 0; }
    s3 PUT "/$bucket/$name.format-lock" '' -H 'If-None-Match: *' --data-binary "$token"
    [ "$http" != 200 ] || { unlock; problem "$endpoint does not honour If-None-Match, so that many hosts would format: format by hand"; }
    clear_remains
    say "formatting $name"
    ACCESS_KEY=$access_key SECRET_KEY=$secret_key client "$FORMAT_S" juicefs format --no-update --storage "$storage" \
        --bucket "$endpoint/$bucket" "$meta" "$name" > "$work/log" 2>&1
    status=$?
    why=$(reason "$work/log")
    look
    fresh=''
    [ "$state" = there ] || clear_remains
    unlock
    [ "$state" = there ] || problem "$name was not formatted (status $status): ${why:-$(tail -n 1 "$work/log")}"
}

# --- The mount -------------------------------------------------------------------------------------------------------------

# Mounts that come later below the folder above the mount point reach containers that bind it with rslave: after a restart, too.
share() {
    above=$(df -P "$(dirname "$mountpoint")" | awk 'NR == 2 { print $6 }')
    ! awk -v above="$above" '$5 == above { private = !/ shared:/ } END { exit !private }' /proc/self/mountinfo ||
        mount --make-shared "$above" 2> "$work/error" ||
        say "mounts below $above do not reach containers: $(cat "$work/error")" >&2
}

wait_for_mount() { # process
    i=0
    while [ $i -lt $((MOUNT_S * 2)) ]; do
        ! mountpoint -q "$mountpoint" || return 0
        [ -z "${1-}" ] || kill -0 "$1" 2> /dev/null || return 1
        sleep 0.5
        i=$((i + 1))
    done
    return 1
}

# JuiceFS's own -d leaves a process that may mount after it has given up: here the process is known.
mount_now() {
    log=/var/log/juicefs-$name.log
    set --
    while IFS= read -r flag; do set -- "$@" "$flag"; done < "$work/flags"
    (
        unset JFS_SECRET_KEY JFS_ACCESS_KEY JFS_META JFS_META_PASSWORD
        META_PASSWORD=$meta_password JFS_MOUNT_TIMEOUT=$MOUNT_S exec setsid juicefs mount "$@" "$meta" "$mountpoint"
    ) >> "$log" 2>&1 < /dev/null 9>&- &
    client=$!
    wait_for_mount "$client" && return 0
    kill "$client" 2> /dev/null
    problem "$name is not mounted: $(reason "$log" | grep . || echo "it took over $MOUNT_S s"); see $log"
}

quoted() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"`$]/\\&/g')"; }

# The unit's environment: mode 0600, and the only place with the metadata's password.
write_environment() {
    words=''
    while IFS= read -r flag; do
        case $flag in
        *[[:space:]\"\'\\]*) flag=$(quoted "$flag") ;;
        esac
        words=$words${words:+ }$flag
    done < "$work/flags"
    {
        printf '# Written by JuiceFSSection; it is written again at its next run.\n'
        printf 'JFS_META=%s\nJFS_MOUNTPOINT=%s\nJFS_MOUNT_FLAGS=%s\nMETA_PASSWORD=%s\n' "$(quoted "$meta")" "$(quoted "$mountpoint")" \
            "$(quoted "$words")" "$(quoted "$meta_password")"
        [ -z "${SSL_CERT_FILE-}" ] || printf 'SSL_CERT_FILE=%s\n' "$(quoted "$SSL_CERT_FILE")"
        [ -z "${AWS_REGION-}" ] || printf 'AWS_REGION=%s\n' "$(quoted "$AWS_REGION")"
    } > "$work/environment"
    chmod 600 "$work/environment" && mkdir -p /etc/juicefs && cp -p "$work/environment" "/etc/juicefs/.$name.new" && mv "/etc/juicefs/.$name.new" "/etc/juicefs/$name.env"
}

mount_by_systemd() {
    unit=juicefs-mount@$name.service
    write_environment || problem "/etc/juicefs/$name.env cannot be written"
    if ! systemctl cat "$unit" > /dev/null 2>&1; then
        write_unit > "$work/unit" && chmod 644 "$work/unit" && cp -p "$work/unit" /etc/systemd/system/juicefs-mount@.service &&
            systemctl daemon-reload || problem "/etc/systemd/system/juicefs-mount@.service cannot be written"
    fi
    systemctl enable --quiet "$unit" || problem "systemctl enable $unit did not work"
    [ -z "$(mounted_as)" ] || return 0 # it is mounted; the unit takes over at the next boot
    systemctl start "$unit" > "$work/log" 2>&1 && wait_for_mount ||
        problem "$unit does not start: see journalctl -u $unit"
}

write_unit() {
    cat << 'UNIT'
# A JuiceFS volume: juicefs-mount@NAME.service mounts what /etc/juicefs/NAME.env says (JFS_META, JFS_MOUNTPOINT, JFS_MOUNT_FLAGS,
# META_PASSWORD; mode 0600). It is up when the mount is: what comes after it finds its files.
[Unit]
Description=JuiceFS volume %i
Wants=network-online.target
After=network-online.target ingot.service redis.service redis-server.service
Before=docker.service containerd.service kubelet.service k3s.service remote-fs.target
StartLimitIntervalSec=0

[Service]
Type=exec
Environment=JFS_MOUNT_TIMEOUT=85
EnvironmentFile=/etc/juicefs/%i.env
# A mount whose process is gone would be in the way.
ExecStartPre=-/bin/sh -c 'stat "$JFS_MOUNTPOINT" > /dev/null 2>&1 || umount -l "$JFS_MOUNTPOINT" 2> /dev/null'
ExecStartPre=/bin/mkdir -p ${JFS_MOUNTPOINT}
ExecStart=juicefs mount $JFS_MOUNT_FLAGS ${JFS_META} ${JFS_MOUNTPOINT}
ExecStartPost=/bin/sh -c 'until mountpoint -q "$JFS_MOUNTPOINT"; do sleep 0.2; done'
ExecStop=juicefs umount ${JFS_MOUNTPOINT}
TimeoutStartSec=90s
# What writeback has not uploaded yet stays in the cache.
TimeoutStopSec=120s
Restart=on-failure
RestartSec=2s
# The mount stays for those who have files open there until they are done.
KillMode=process
LimitNOFILE=1048576
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
UNIT
}

# --- All of it, in order ---------------------------------------------------------------------------------------------------

check_host() {
    [ "$(id -u)" = 0 ] || problem "it must be root that mounts"
    need curl curl
    need_fuse
    check_mountpoint
    [ -z "$systemd" ] || [ -d /run/systemd/system ] || problem "JFS_SYSTEMD=1, and this host does not run systemd"
    need_client
    lacking juicefs || read_mount_opts
}

check_store() {
    case $endpoint in
    https://s3.*.cloud.ovh.net) region=${endpoint#https://s3.} region=${region%%.*} ;; # as JuiceFS has it
    *) region=us-east-1 ;;
    esac
    region=${AWS_REGION:-${AWS_DEFAULT_REGION:-$region}}
    lacking curl || list_volume || :
    lacking juicefs || look
    case ${state-} in
    there) check_volume ;;
    missing) [ -n "$format_if_missing" ] ||
        problem "JFS_META=$meta has no volume: set JFS_FORMAT_IF_MISSING=1 on the hosts that may format it" ;;
    esac
}

main() {
    if [ -n "${JFS_CHECK-}" ]; then ! switch JFS_CHECK || check=1; fi
    switch JFS_ENABLE || return 0
    work=$(mktemp -d) || exit 1
    trap 'rm -rf "$work"' EXIT
    trap 'exit 1' HUP INT TERM
    if [ -z "$check" ]; then
        exec 9> "/run/juicefs-section.lock" && flock -w 300 9 || problem "another run on this host does not end"
    fi
    read_variables
    [ "$problems" -eq 0 ] || exit 1
    check_host
    check_store
    if [ -n "$check" ]; then
        [ "$problems" -eq 0 ] || exit 1
        say "nothing is wrong"
        return 0
    fi
    allow_other
    if [ -n "$(mounted_as)" ] && ! stat "$mountpoint" > /dev/null 2>&1; then
        umount -l "$mountpoint" # its process is gone
    fi
    [ "$state" = there ] || format
    mkdir -p "$mountpoint" || problem "JFS_MOUNTPOINT=$mountpoint cannot be made"
    share
    if [ -n "$systemd" ]; then
        mount_by_systemd
    elif [ -z "$(mounted_as)" ]; then
        mount_now
    fi
    say "$name is mounted at $mountpoint"
}

main
)
case $? in
0) ;;
*) exit 1 ;;
esac
