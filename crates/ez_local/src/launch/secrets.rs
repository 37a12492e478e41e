//! The secrets of a stack: made once, kept in files that only their owner can read.
//!
//! They reach the services as file paths or in the environment, never as arguments.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::error::{Error, disk};

/// Bytes of randomness in each secret.
const SECRET_BYTES: usize = 32;

/// What the services share.
#[derive(Clone)]
pub(crate) struct Secrets {
    /// The file with the key that seals stream keys and content keys, as 64 hexadecimal digits.
    pub(crate) master_key_file: PathBuf,
    /// The file with the word by which services know each other.
    pub(crate) service_token_file: PathBuf,
    /// The file with the word by which the key server knows the scheduler; workers have no need of it.
    pub(crate) key_token_file: PathBuf,
    /// The secret half of the local S3's access key.
    pub(crate) s3_secret_key: String,
}

impl Secrets {
    /// The secrets in `folder`; missing ones are made.
    ///
    /// # Errors
    /// When a file cannot be read or written, or does not hold a secret.
    pub(crate) fn load_or_make(folder: &Path) -> Result<Self, Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(disk("make", folder))?;
        fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(disk("protect", folder))?;
        let master_key_file = folder.join("master_key");
        load_or_make(&master_key_file)?;
        let service_token_file = folder.join("service_token");
        load_or_make(&service_token_file)?;
        let key_token_file = folder.join("key_token");
        load_or_make(&key_token_file)?;
        let s3_secret_key = load_or_make(&folder.join("s3_secret_key"))?;
        Ok(Self { master_key_file, service_token_file, key_token_file, s3_secret_key })
    }
}

fn load_or_make(path: &Path) -> Result<String, Error> {
    match fs::read_to_string(path) {
        Ok(text) => {
            fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(disk("protect", path))?;
            let is_ours = text.len() == 2 * SECRET_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_ours { Ok(text) } else { Err(Error::Secret(path.to_path_buf())) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make(path).map_err(disk("write the secret", path))
        }
        Err(error) => Err(disk("read the secret", path)(error)),
    }
}

/// Written beside and renamed, so that a crash leaves no half of a secret.
fn make(path: &Path) -> io::Result<String> {
    let mut random = [0; SECRET_BYTES];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let secret: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let unfinished = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(secret.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn made_once_and_readable_by_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("secrets");
        let first = Secrets::load_or_make(&folder).unwrap();
        let key = fs::read_to_string(&first.master_key_file).unwrap();
        let token = fs::read_to_string(&first.service_token_file).unwrap();
        assert!(key.len() == 64 && token.len() == 64);
        assert!(key != first.s3_secret_key && key != token && token != first.s3_secret_key);
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }

        fs::set_permissions(&first.master_key_file, Permissions::from_mode(0o644)).unwrap();
        let second = Secrets::load_or_make(&folder).unwrap();
        assert_eq!(fs::read_to_string(&second.master_key_file).unwrap(), key);
        assert_eq!(second.s3_secret_key, first.s3_secret_key);
        assert_eq!(mode(&first.master_key_file), 0o600, "permissions that were opened are closed again");
    }

    #[test]
    fn a_damaged_secret_is_refused_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = Secrets::load_or_make(folder.path()).unwrap().master_key_file;
        for damaged in ["", "short", &"x".repeat(64)] {
            fs::write(&path, damaged).unwrap();
            assert!(matches!(Secrets::load_or_make(folder.path()), Err(Error::Secret(_))), "{damaged}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}
