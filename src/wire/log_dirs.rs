//! DescribeLogDirs 5 (KIP-1066), which the codec does not know: version 4 with one more field in each result.
use super::{NotEncodable, Version, encode_response, header::put_response_header, put_unsigned_varint};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{ApiKey, DescribeLogDirsResponse},
    protocol::Encodable,
};

/// The newest version that the codec knows.
const KNOWN_MAX: Version = 4;

/// A whole response frame of any version. Version 5 tells which directories are cordoned.
pub fn encode_log_dirs(
    version: Version,
    correlation_id: i32,
    response: &DescribeLogDirsResponse,
    is_cordoned: &dyn Fn(&str) -> bool,
) -> Result<Bytes, NotEncodable> {
    const KEY: ApiKey = ApiKey::DescribeLogDirs;
    if version <= KNOWN_MAX {
        return encode_response(KEY, version, correlation_id, response);
    }
    let refused = |reason: String| NotEncodable::new(KEY, version, reason);
    let mut frame = BytesMut::with_capacity(256);
    frame.put_i32(0);
    put_response_header(&mut frame, correlation_id, KEY.response_header_version(version));
    frame.put_i32(response.throttle_time_ms);
    frame.put_i16(response.error_code);
    put_unsigned_varint(&mut frame, response.results.len() as u32 + 1);
    for result in &response.results {
        result.encode(&mut frame, KNOWN_MAX).map_err(|error| refused(error.to_string()))?;
        // The last byte counts the tagged fields: none. The new field stands before it.
        if let Some(last) = frame.last_mut() {
            *last = u8::from(is_cordoned(&result.log_dir));
        }
        frame.put_u8(0);
    }
    frame.put_u8(0);
    let length = i32::try_from(frame.len() - 4).map_err(|_| refused("it is larger than 2 GiB".into()))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kafka_protocol::{messages::describe_log_dirs_response::DescribeLogDirsResult, protocol::StrBytes};

    #[test]
    fn version_5_has_one_more_byte_in_each_result() {
        let result = |dir: &'static str| {
            DescribeLogDirsResult::default()
                .with_log_dir(StrBytes::from_static_str(dir))
                .with_total_bytes(7)
                .with_usable_bytes(3)
        };
        let one = DescribeLogDirsResponse::default().with_results(vec![result("/a")]);
        let five = encode_log_dirs(5, 9, &one, &|_| false).unwrap();
        let expected = [
            &[0, 0, 0, 39, 0, 0, 0, 9, 0][..],
            &[0, 0, 0, 0, 0, 0, 2],
            &[0, 0, 3, b'/', b'a', 1],
            &[0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 3],
            &[0, 0, 0],
        ]
        .concat();
        assert_eq!(&five[4..], &expected[4..]);
        let cordoned = encode_log_dirs(5, 9, &one, &|path| path == "/a").unwrap();
        let at = five.len() - 3;
        assert_eq!((&cordoned[..at], cordoned[at], &cordoned[at + 1..]), (&five[..at], 1, &five[at + 1..]));
        assert_eq!(i32::from_be_bytes(five[..4].try_into().unwrap()) as usize, five.len() - 4);
        let many = DescribeLogDirsResponse::default().with_results(vec![result("/a"); 200]);
        let encode = |version| encode_log_dirs(version, 9, &many, &|_| false).unwrap();
        let (four, five) = (encode(4), encode(5));
        assert_eq!(five.len(), four.len() + 200);
    }
}
