# Sourced by scripts with a browser in them: Chromium, Node.js and the players, after common.sh and python_tools.sh.
# shellcheck shell=bash disable=SC2154 # root and tools come from common.sh

# A Chromium that runs: on Ubuntu the package only points to a snap, which many machines cannot use.
need_chromium() {
    if [ -z "${EZ_CHROMIUM:-}" ]; then
        apt_install chromium chromium
        EZ_CHROMIUM=$(command -v chromium)
        export EZ_CHROMIUM
    fi
    "$EZ_CHROMIUM" --version >/dev/null 2>&1 ||
        fail "$EZ_CHROMIUM does not run: install a Chromium that is no snap and set EZ_CHROMIUM to its path"
}

# Node.js 20.19 or newer with npm; Debian 12 and Ubuntu 24.04 have older ones.
is_good_node() {
    have node && have npm || return 1
    local version
    version=$(node --version)
    [ "$(printf '%s\n20.19.0\n' "${version#v}" | sort -V | head -n 1)" = 20.19.0 ]
}

need_node() {
    is_good_node || install_node
    local folder
    for folder in tests/browser tests/console tests/postman; do
        npm_ci "$root/$folder"
    done
}

# Installs what a lock file names, unless that is there already.
npm_ci() {
    local installed=$1/node_modules/.installed log=$tools/npm.log
    [ -f "$installed" ] && cmp -s "$installed" "$1/package-lock.json" && return 0
    echo "      npm ci in ${1#"$root"/}"
    (cd "$1" && npm ci --no-audit --no-fund) >"$log" 2>&1 ||
        fail "npm ci failed in $1 ($(grep '^npm error' "$log" | grep -v 'complete log' | tail -n 1)): see $log"
    cp "$1/package-lock.json" "$installed"
}
