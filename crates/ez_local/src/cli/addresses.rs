//! What is said once a stack is ready.

use crate::launch::Endpoints;

/// The addresses of a stack, for people.
pub(super) fn text(endpoints: &Endpoints) -> String {
    let rtmp: Vec<String> = endpoints.rtmp.iter().map(ToString::to_string).collect();
    format!(
        "\n  Console   {}\n  API       {}/jobs\n  RTMP      rtmp://127.0.0.1, ports from {}; each channel \
         shows its own address and stream key\n  Playback  {}/{}/output_<job id>/master.m3u8\n  Logs      {}\n",
        endpoints.console,
        endpoints.api,
        rtmp.join(", "),
        endpoints.s3,
        endpoints.bucket,
        endpoints.logs.display(),
    )
}
