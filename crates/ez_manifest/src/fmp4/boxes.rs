//! Walks the boxes of a file or of a container box (ISO/IEC 14496-12 4.2).
//!
//! Sizes are checked against what is really there before anything is sliced.

use super::Error;

/// One box: its code, its whole bytes and the bytes after its header.
#[derive(Clone, Copy)]
pub(super) struct RawBox<'a> {
    pub(super) kind: [u8; 4],
    pub(super) whole: &'a [u8],
    pub(super) body: &'a [u8],
}

impl RawBox<'_> {
    /// Decodes the box as the typed `T`, which must be of the same kind.
    pub(super) fn decode<T: mp4_atom::Decode>(&self, kind: &'static str) -> Result<T, Error> {
        let mut bytes = self.whole;
        T::decode(&mut bytes).map_err(|source| Error::Malformed { kind, source })
    }
}

/// All boxes that lie side by side in `data`; together they cover it to the last byte.
pub(super) fn walk(data: &[u8]) -> Result<Vec<RawBox<'_>>, Error> {
    let mut found = Vec::new();
    let mut offset = 0;
    while let Some(rest) = data.get(offset..).filter(|rest| !rest.is_empty()) {
        let next = first(rest, offset)?;
        offset += next.whole.len();
        found.push(next);
    }
    Ok(found)
}

/// The single child of that kind, or the error that names it.
pub(super) fn require<'a>(boxes: &[RawBox<'a>], kind: &'static str) -> Result<RawBox<'a>, Error> {
    find(boxes, kind).ok_or(Error::Missing(kind))
}

/// The first child of that kind.
pub(super) fn find<'a>(boxes: &[RawBox<'a>], kind: &str) -> Option<RawBox<'a>> {
    boxes.iter().copied().find(|candidate| candidate.kind == kind.as_bytes())
}

fn first(data: &[u8], offset: usize) -> Result<RawBox<'_>, Error> {
    let torn = |kind: &[u8], claimed: u64| Error::Torn {
        kind: String::from_utf8_lossy(kind).into_owned(),
        offset,
        claimed,
        present: data.len(),
    };
    let Some((size, rest)) = data.split_first_chunk::<4>() else { return Err(torn(b"?", 8)) };
    let Some((kind, rest)) = rest.split_first_chunk::<4>() else { return Err(torn(b"?", 8)) };
    let (claimed, header) = match u32::from_be_bytes(*size) {
        0 => return Err(Error::Unbounded { kind: String::from_utf8_lossy(kind).into_owned(), offset }),
        1 => match rest.first_chunk::<8>() {
            Some(large) => (u64::from_be_bytes(*large), 16),
            None => return Err(torn(kind, 16)),
        },
        size => (u64::from(size), 8),
    };
    let whole =
        usize::try_from(claimed).ok().and_then(|size| data.get(..size)).ok_or_else(|| torn(kind, claimed))?;
    let body = whole.get(header..).ok_or_else(|| torn(kind, claimed))?;
    Ok(RawBox { kind: *kind, whole, body })
}
