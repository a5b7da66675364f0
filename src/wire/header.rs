//! What stands before a request's and a response's body.
use super::{Version, shape::STRING_BYTES_MAX};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The header of one request (Kafka's RequestHeader, versions 1 and 2), read by hand so that an unknown API or
/// version can still be answered.
#[derive(Clone, Debug)]
pub struct RequestHeader {
    pub api_key: i16,
    pub version: Version,
    pub correlation_id: i32,
    /// `None` when null; what is not UTF-8 is U+FFFD. A copy, so that keeping it does not keep the whole frame alive.
    pub client_id: Option<String>,
}

impl RequestHeader {
    /// Key, version and correlation id: what every request has, whatever else is wrong with it.
    pub fn peek(frame: &[u8]) -> Option<(i16, Version, i32)> {
        let head = frame.first_chunk::<8>()?;
        Some((
            i16::from_be_bytes([head[0], head[1]]),
            i16::from_be_bytes([head[2], head[3]]),
            i32::from_be_bytes([head[4], head[5], head[6], head[7]]),
        ))
    }

    /// Takes the header off the frame. `flexible`: the request's header is version 2 and ends with tagged fields.
    /// `None` when the bytes are no header.
    pub fn take(frame: &mut Bytes, flexible: bool) -> Option<RequestHeader> {
        let (api_key, version, correlation_id) = RequestHeader::peek(frame)?;
        frame.advance(8);
        if frame.remaining() < 2 {
            return None;
        }
        let length = frame.get_i16();
        let client_id = match length {
            -1 => None,
            0.. => {
                let length = length as usize;
                if frame.remaining() < length {
                    return None;
                }
                // As Apache Kafka does with what is not UTF-8, and as it could have been sent.
                let client_id = String::from_utf8_lossy(&frame.split_to(length)).into_owned();
                if client_id.len() > STRING_BYTES_MAX {
                    return None;
                }
                Some(client_id)
            }
            _ => return None,
        };
        if flexible {
            let mut at = 0;
            super::shape::skip_tags(frame, &mut at)?;
            frame.advance(at);
        }
        Some(RequestHeader { api_key, version, correlation_id, client_id })
    }
}

/// Response header version 0 (correlation id) or 1 (and no tagged fields).
pub fn put_response_header(into: &mut BytesMut, correlation_id: i32, header_version: i16) {
    into.put_i32(correlation_id);
    if header_version >= 1 {
        into.put_u8(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(client_id: &[u8], rest: &[u8]) -> Bytes {
        let mut bytes = vec![0, 18, 0, 3, 0, 0, 0, 7];
        bytes.extend_from_slice(client_id);
        bytes.extend_from_slice(rest);
        Bytes::from(bytes)
    }

    #[test]
    fn a_header_is_taken_off_and_the_body_stays() {
        let mut bytes = frame(&[0, 2, b'm', b'e'], &[1, 5, 2, 9, 9, 42]);
        let header = RequestHeader::take(&mut bytes, true).unwrap();
        assert_eq!((header.api_key, header.version, header.correlation_id), (18, 3, 7));
        assert_eq!(header.client_id.as_deref(), Some("me"));
        assert_eq!(&bytes[..], [42]);
    }

    #[test]
    fn a_client_id_that_is_not_utf_8_is_taken_as_far_as_it_can_be_read() {
        let latin = RequestHeader::take(&mut frame(b"\0\x06m\xfcller", &[]), false).unwrap();
        assert_eq!(latin.client_id.as_deref(), Some("m\u{FFFD}ller"));
        let of_length = |length: u16| {
            let mut client_id = length.to_be_bytes().to_vec();
            client_id.resize(2 + usize::from(length), 0xFC);
            RequestHeader::take(&mut frame(&client_id, &[]), false)
        };
        assert_eq!(of_length(10_922).unwrap().client_id.unwrap().len(), 32_766);
        assert!(of_length(10_923).is_none(), "longer than records can say");
    }

    #[test]
    fn broken_headers_are_refused() {
        for (client_id, rest, flexible) in [
            (&[0u8, 9, b'x'][..], &[][..], false),
            (&[0xFF, 0xFE], &[], false),
            (&[0, 0], &[2, 1, 0], true),
            (&[0, 0], &[1, 1, 200], true),
            (&[0], &[], false),
        ] {
            assert!(RequestHeader::take(&mut frame(client_id, rest), flexible).is_none());
        }
        assert!(RequestHeader::take(&mut Bytes::from_static(&[0, 1, 2]), false).is_none());
    }
}
