# Sourced by script/test after browser_tools.sh: what the tests need, and the tests.
# shellcheck shell=bash disable=SC2154 # root comes from common.sh

need_everything() {
    need_build_tools
    need_disk "$disk_of_tests"
    install_redis
    install_media_tools
    install_moto
    install_compose
    apt_install curl curl
    apt_install openssl openssl
    install_schemathesis
    need_chromium
    need_node
}

# A failing test says what it found in its message; a trace of the runtime's frames below it only hides that.
export RUST_BACKTRACE=0

# Every program of the workspace is built before the first test: the end-to-end tests start them.
build_everything() { (cd "$root" && cargo build --workspace --all-targets --locked); }
test_rust() { (cd "$root" && cargo test --workspace --all-targets --locked --no-fail-fast); }
test_documentation() { (cd "$root" && cargo test --workspace --doc --locked --no-fail-fast); }
test_console() { (cd "$root/tests/console" && node --test --test-reporter=tap); }
test_player_check() { (cd "$root/tests/browser" && npm test --silent); }

all_tests() {
    step "build" one_check build_everything
    # Every further step would only fail for the same reason, below which that reason is not found.
    [ "$failed" -eq 0 ] || return 0
    step "Rust tests" cargo_tests test_rust
    step "documentation tests" cargo_tests test_documentation
    step "console in a browser" node_tests test_console
    step "player check (self-test)" one_check test_player_check
}
