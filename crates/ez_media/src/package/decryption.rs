//! Packager's command line for a clear copy of a protected segment, for the worker's own use.

use crate::argv::Argv;
use crate::layout::local;

/// Decrypts the video of [`local::ENCRYPTED_COPY`] (an init segment and a media segment in one file)
/// into [`local::CLEAR_COPY`], with the key in [`local::KEY_FLAGFILE`].
pub fn argv() -> Argv {
    let mut argv = Argv::new();
    argv.push(format!("in={},stream=video,output={}", local::ENCRYPTED_COPY, local::CLEAR_COPY));
    argv.push("--enable_raw_key_decryption");
    argv.push(format!("--flagfile={}", local::KEY_FLAGFILE));
    argv
}
