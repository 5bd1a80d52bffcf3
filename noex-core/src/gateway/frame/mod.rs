//! Frames: four bytes of length, most significant first, then so many bytes of message.

mod codec;
mod depth;
mod error;

pub use codec::FrameCodec;
pub use depth::nests_within;
pub use error::FrameError;

use bytes::{BufMut, BytesMut};

/// The bytes of a length.
pub(crate) const HEAD: usize = 4;

/// Appends a frame whose body is written by `body`, and whose length is filled in afterwards.
pub(crate) fn append(out: &mut BytesMut, body: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.put_u32(0);
    body(out);
    let length = out.len() - start - HEAD;
    // What we write is bounded by what we read and by the caller's own limit, both far below 4 GiB.
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out[start..start + HEAD].copy_from_slice(&length.to_be_bytes());
}
