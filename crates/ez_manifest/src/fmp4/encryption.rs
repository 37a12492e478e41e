//! How the samples of a track are encrypted (ISO/IEC 23001-7), as its init segment tells.

use super::{
    Error,
    boxes::{RawBox, find, require, walk},
};

/// What a player must know to decrypt a track, except the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// The scheme: `cbcs`, `cenc` or another four-character code.
    pub scheme: String,
    /// The key identifier, KID.
    pub key_id: [u8; 16],
    /// The initialization vector of all samples, where they have one in common.
    pub constant_iv: Option<Vec<u8>>,
    /// The whole `pssh` boxes.
    pub pssh: Vec<Vec<u8>>,
}

/// Reads the `sinf` of an encrypted sample entry and the `pssh` boxes of the movie.
pub(super) fn read(sinf: &[RawBox<'_>], moov: &[RawBox<'_>]) -> Result<Encryption, Error> {
    // schm: version and flags, then the scheme (ISO/IEC 14496-12 8.12.5).
    let scheme = after(require(sinf, "schm")?.body, 4).and_then(<[u8]>::first_chunk::<4>);
    let scheme = scheme.ok_or(Error::Missing("schm"))?;
    let schi = walk(require(sinf, "schi")?.body)?;
    let (key_id, constant_iv) = defaults(require(&schi, "tenc")?.body).ok_or(Error::Missing("tenc"))?;
    Ok(Encryption {
        scheme: String::from_utf8_lossy(scheme).into_owned(),
        key_id,
        constant_iv,
        pssh: moov.iter().filter(|child| &child.kind == b"pssh").map(|child| child.whole.to_vec()).collect(),
    })
}

/// The original format that `sinf` wraps.
pub(super) fn original_format(sinf: &[RawBox<'_>]) -> Result<[u8; 4], Error> {
    let format = find(sinf, "frma").and_then(|frma| frma.body.first_chunk::<4>().copied());
    format.ok_or(Error::Missing("frma"))
}

/// KID and constant IV of `tenc` (8.2): version and flags, two bytes of pattern, whether protected,
/// size of the IV of each sample, KID, and only for size 0 the constant IV behind its size.
fn defaults(tenc: &[u8]) -> Option<([u8; 16], Option<Vec<u8>>)> {
    let is_protected = *tenc.get(6)?;
    let own_iv_size = *tenc.get(7)?;
    let key_id = *after(tenc, 8)?.first_chunk::<16>()?;
    if is_protected != 1 || own_iv_size != 0 {
        return Some((key_id, None));
    }
    let (size, iv) = after(tenc, 24)?.split_first()?;
    Some((key_id, Some(iv.get(..usize::from(*size))?.to_vec())))
}

fn after(bytes: &[u8], count: usize) -> Option<&[u8]> {
    bytes.get(count..)
}
