use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{FrameError, HEAD};

/// Splits a stream of bytes into frames, and joins frames into one.
///
/// Unlike tokio-util's `LengthDelimitedCodec` it reserves nothing by what a length claims: the
/// buffer grows by what has come, so that claiming much costs a stranger as much as sending it.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use noex::gateway::FrameCodec;
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = FrameCodec::new(1024);
/// let mut bytes = BytesMut::new();
/// codec.encode(b"{}", &mut bytes)?;
/// assert_eq!(&bytes[..], b"\0\0\0\x02{}");
/// assert_eq!(codec.decode(&mut bytes)?.as_deref(), Some(&b"{}"[..]));
/// assert_eq!(codec.decode(&mut bytes)?, None);
/// # Ok::<(), noex::gateway::FrameError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FrameCodec {
    limit: usize,
}

impl FrameCodec {
    /// Frames of at most `limit` bytes of message.
    pub fn new(limit: usize) -> Self {
        FrameCodec { limit }
    }

    fn checked(&self, length: usize) -> Result<usize, FrameError> {
        match length {
            0 => Err(FrameError::Empty),
            _ if length > self.limit => Err(FrameError::TooLong {
                length,
                limit: self.limit,
            }),
            _ => Ok(length),
        }
    }
}

impl Decoder for FrameCodec {
    type Item = BytesMut;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        let Some(head) = src.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = self.checked(u32::from_be_bytes(*head) as usize)?;
        if src.len() - HEAD < length {
            return Ok(None);
        }
        src.advance(HEAD);
        Ok(Some(src.split_to(length)))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<BytesMut>, FrameError> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(FrameError::Cut),
            frame => Ok(frame),
        }
    }
}

impl<B: AsRef<[u8]>> Encoder<B> for FrameCodec {
    type Error = FrameError;

    fn encode(&mut self, body: B, out: &mut BytesMut) -> Result<(), FrameError> {
        let body = body.as_ref();
        self.checked(body.len())?;
        super::append(out, |out| out.extend_from_slice(body));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_survive_being_cut_anywhere(
            bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..20),
            cut in 1usize..17,
        ) {
            let mut codec = FrameCodec::new(64);
            let mut stream = BytesMut::new();
            for body in &bodies {
                codec.encode(body, &mut stream).expect("short enough");
            }
            let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(frame) = codec.decode(&mut buffer).expect("well-formed") {
                    found.push(frame.to_vec());
                }
            }
            prop_assert_eq!(found, bodies);
            prop_assert!(codec.decode_eof(&mut buffer).expect("nothing is left").is_none());
        }

        #[test]
        fn any_bytes_are_frames_or_an_error_and_never_reserve_what_they_claim(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut codec = FrameCodec::new(16 << 20);
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = codec.decode(&mut buffer) {}
            prop_assert!(buffer.capacity() <= 1024);
        }
    }

    #[test]
    fn lengths_beyond_the_limit_and_of_zero_are_refused_before_the_body_comes() {
        let mut codec = FrameCodec::new(10);
        let mut long = BytesMut::from(&[0, 0, 0, 11][..]);
        assert!(matches!(
            codec.decode(&mut long),
            Err(FrameError::TooLong {
                length: 11,
                limit: 10
            })
        ));
        let mut empty = BytesMut::from(&[0, 0, 0, 0][..]);
        assert!(matches!(codec.decode(&mut empty), Err(FrameError::Empty)));
    }

    #[test]
    fn an_end_within_a_frame_is_told_from_an_end_between_two() {
        let mut codec = FrameCodec::new(10);
        let mut cut = BytesMut::from(&[0, 0, 0, 3, b'x'][..]);
        assert!(matches!(codec.decode_eof(&mut cut), Err(FrameError::Cut)));
    }
}
