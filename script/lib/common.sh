# Sourced by the scripts: messages, packages of the system, the build.
# shellcheck shell=bash disable=SC2034 # value and taken are read by the scripts

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
tools=$root/.tools
target=${CARGO_TARGET_DIR:-$root/target}
case $target in /*) ;; *) target=$root/$target ;; esac
readonly root tools target
# MiB that target/ comes to: the programs alone, and everything that the tests and the lints build.
readonly disk_of_build=2048 disk_of_tests=6144

# One line that says what went wrong and what to do.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Puts the value of an option into `value`, and into `taken` how many words that took:
# `--data DIR` or `--data=DIR`.
take_value() {
    case $1 in
    *=*) value=${1#*=} taken=1 ;;
    *) value=${2:-} taken=2 ;;
    esac
    [ -n "$value" ] || fail "${1%%=*} needs a value; see --help"
}

# A folder as an absolute path; it need not be there yet.
absolute() {
    case $1 in /*) printf '%s' "$1" ;; *) printf '%s/%s' "$PWD" "$1" ;; esac
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

make_tools_folder() {
    mkdir -p "$tools/bin" 2>/dev/null || fail "cannot make $tools: make $root writable for $(id -un)"
}

# apt_install COMMAND PACKAGE: installs a package whose command is missing.
apt_install() {
    local command=$1 package=$2 log=$tools/apt.log
    have "$command" && return 0
    have apt-get || fail "$command is missing and there is no apt-get here: install $command and run this again"
    if [ "$(id -u)" -ne 0 ] && ! have sudo; then
        fail "$command is missing and $(id -un) may not install it: run 'apt-get install $package' as root"
    fi
    make_tools_folder
    echo "      installing $package (apt)"
    if [ -z "${apt_is_updated:-}" ]; then
        as_root apt-get update -q >"$log" 2>&1 ||
            fail "'apt-get update' failed ($(tail -n 1 "$log")): see $log, or install $package by hand"
        apt_is_updated=yes
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$package" >>"$log" 2>&1 ||
        fail "'apt-get install $package' failed ($(tail -n 1 "$log")): see $log, or install it by hand"
    hash -r
    have "$command" || fail "$package is installed but gives no command $command: install one that does"
}

# The package of redis-server starts a service of its own. If it came with us, that one is kept
# from starting and stays off: what runs is the private server of each data folder.
install_redis() {
    if have redis-server; then
        need_redis_version
        return 0
    fi
    local policy=/usr/sbin/policy-rc.d ours=
    if [ -d /usr/sbin ] && [ ! -e "$policy" ] && { [ "$(id -u)" -eq 0 ] || have sudo; }; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy" && ours=yes
    fi
    # Left behind it would keep other packages' services from starting, so it goes however this ends.
    [ -z "$ours" ] || trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    [ -z "$ours" ] || trap 'exit 130' INT TERM
    # In a shell of its own, so that its failure does not leave the policy behind.
    local installed=yes
    (apt_install redis-server redis-server) || installed=
    [ -z "$ours" ] || { as_root rm -f "$policy" && trap - EXIT INT TERM; }
    [ -n "$installed" ] || exit 1
    if have systemctl && [ -d /run/systemd/system ]; then
        as_root systemctl disable --now redis-server >/dev/null 2>&1 || true
    fi
    hash -r
    need_redis_version
}

# Deliveries that their taker let lie are claimed by XAUTOCLAIM.
need_redis_version() {
    local version
    version=$(redis-server --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
    [ -z "$version" ] || [ "$(printf '%s\n6.2.0\n' "$version" | sort -V | head -n 1)" = 6.2.0 ] ||
        fail "redis-server $version is too old: install 6.2 or newer, as Debian 12 and Ubuntu 24.04 have it"
}

# Rust itself, and what linking needs.
need_build_tools() {
    [ "$(uname -s)" = Linux ] || fail "this needs Linux (Debian 12, Ubuntu 24.04 or newer); here is $(uname -s)"
    have cargo || fail "cargo is missing: install Rust 1.95 or newer with rustup (https://rustup.rs) and run this again"
    local version
    version=$(cd "$root" && rustc --version | cut -d ' ' -f 2)
    [ "$(printf '%s\n1.95.0\n' "$version" | sort -V | head -n 1)" = 1.95.0 ] ||
        fail "Rust $version is too old: run 'rustup update stable' to get 1.95 or newer"
    apt_install cc build-essential
}

# need_disk MIB: room for the build, counting what earlier builds take already. A disk that fills up
# half-way ends in messages of the compiler that name everything but the cure.
need_disk() {
    local need=$1 free built=0
    mkdir -p "$target" 2>/dev/null || fail "cannot make $target: make it writable for $(id -un)"
    free=$(df -Pm "$target" | awk 'NR == 2 { print $4 }')
    [ "$free" -lt "$need" ] || return 0
    built=$(du -sm "$target" | awk '{ print $1 }')
    [ $((free + built)) -ge "$need" ] ||
        fail "$((free / 1024)) GiB free for $target, the build takes $((need / 1024)): make room, or set CARGO_TARGET_DIR to a folder on a larger disk"
}

# Folder of the programs that EZ_PROFILE asks for.
binaries() {
    case ${EZ_PROFILE:-release} in
    release) printf '%s/release' "$target" ;;
    dev) printf '%s/debug' "$target" ;;
    *) fail "EZ_PROFILE=$EZ_PROFILE: set it to release or dev" ;;
    esac
}

# Builds what `binaries` names: `product`, or with `everything` the benchmarks too. The debug build has
# the shape of the tests, so nothing is compiled twice.
build() {
    local options=(--bins --release) package
    if [ "$1" = everything ]; then
        options+=(--workspace)
    else
        for package in api_server scheduler worker_app worker_transcoder key_server ez_local; do
            options+=(--package "$package")
        done
    fi
    [ "${EZ_PROFILE:-release}" = release ] || options=(--workspace --all-targets)
    need_disk "$disk_of_build"
    (cd "$root" && cargo build --locked "${options[@]}") ||
        fail "the build failed: the messages above say where"
}
