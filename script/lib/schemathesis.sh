# Sourced by the scripts: schemathesis, which makes up requests to the API, for the tests; pinned by checksum.
# shellcheck shell=bash disable=SC2154 # root and tools come from common.sh

# Installed below .tools, beside what the system's python has.
install_schemathesis() {
    local wanted=$root/script/lib/schemathesis-requirements.txt folder=$tools/schemathesis log=$tools/pip.log
    [ -f "$folder/.installed" ] && cmp -s "$folder/.installed" "$wanted" && [ -x "$tools/bin/schemathesis" ] && return 0
    have python3 || apt_install python3 python3
    python3 -m pip --version >/dev/null 2>&1 || apt_install pip python3-pip
    echo "      installing schemathesis (makes up requests, for the tests)"
    rm -rf "$folder"
    python3 -m pip install --no-deps --only-binary :all: --require-hashes --disable-pip-version-check -q \
        --target "$folder" -r "$wanted" >"$log" 2>&1 ||
        fail "pip could not install schemathesis ($(tail -n 1 "$log")): see $log"
    printf '#!/bin/sh\nPYTHONPATH=%s exec python3 -m schemathesis.cli "$@"\n' "'$folder'" >"$tools/bin/schemathesis"
    chmod 755 "$tools/bin/schemathesis"
    cp "$wanted" "$folder/.installed"
}
