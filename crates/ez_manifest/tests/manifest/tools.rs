//! Real media: a 6 s transport stream, cut by packager into a temporary folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder that packager filled; removed never, rewritten by each run of the tests.
pub(crate) fn packaged() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("packaged");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("create the folder for test media");
        make(&folder);
        folder
    })
}

pub(crate) fn read(path: &str) -> Vec<u8> {
    let path = packaged().join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()))
}

fn make(folder: &Path) {
    let source = "-f lavfi -i testsrc2=size=320x180:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000 -t 6 \
        -c:v libx264 -preset ultrafast -tune zerolatency -g 60 -keyint_min 60 -sc_threshold 0 -pix_fmt yuv420p \
        -c:a aac -b:a 96k -ac 1 -f mpegts -muxdelay 0 -muxpreload 0 in.ts";
    run(&tool("EZ_FFMPEG", "ffmpeg"), folder, &format!("-hide_banner -loglevel error -y {source}"));
    let packager = tool("EZ_PACKAGER", "packager");
    let streams = |name: &str| {
        format!(
            "in=in.ts,stream=video,init_segment={name}/v/init.mp4,segment_template={name}/v/$Time$.m4s,playlist_name={name}_v.m3u8 \
             in=in.ts,stream=audio,init_segment={name}/a/init.mp4,segment_template={name}/a/$Time$.m4s,playlist_name={name}_a.m3u8,hls_group_id=audio \
             --segment_duration 2 --mpd_output {name}.mpd --hls_master_playlist_output {name}.m3u8 --hls_playlist_type LIVE"
        )
    };
    run(&packager, folder, &streams("clear"));
    let keys = "--enable_raw_key_encryption --clear_lead 0 --protection_scheme cbcs --hls_key_uri https://host/key \
        --keys label=:key_id=00112233445566778899aabbccddeeff:key=000102030405060708090a0b0c0d0e0f";
    run(&packager, folder, &format!("{} {keys}", streams("cbcs")));
    // Several moofs per file.
    run(
        &packager,
        folder,
        &format!("{} --fragment_duration 0.5 --fragment_sap_aligned=false", streams("fragments")),
    );
}

fn tool(variable: &str, name: &str) -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/bin").join(name);
    let path = std::env::var_os(variable).map_or(workspace, PathBuf::from);
    assert!(
        path.is_file(),
        "{name} is not at {}: install the tools or set {variable} to its path",
        path.display()
    );
    path.canonicalize().expect("path of the tool")
}

fn run(tool: &Path, folder: &Path, arguments: &str) {
    let output = Command::new(tool)
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .output()
        .expect("start the tool");
    assert!(
        output.status.success(),
        "{} {arguments}\n{}",
        tool.display(),
        String::from_utf8_lossy(&output.stderr)
    );
}
