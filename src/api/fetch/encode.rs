//! The answer as bytes and file ranges: everything but the records is encoded by the crate, the records stay files.
use super::{read::Found, session::Item};
use crate::{
    api::{Context, Response},
    net::Piece,
    platform::seeded::{self, Bug},
    types::ErrorCode,
    wire::{Encodable, Version, encode_response, put_response_header, put_unsigned_varint},
};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::{
    FetchRequest, FetchResponse, ProducerId,
    fetch_response::{AbortedTransaction, EpochEndOffset, FetchableTopicResponse, PartitionData},
};

/// First version with compact lengths and tags.
const FLEXIBLE: Version = 12;

/// The whole fetch failed: no partitions, session 0.
pub fn failed(cx: &Context, code: ErrorCode) -> Response {
    let response = FetchResponse::default().with_error_code(if cx.version >= 7 { cx.error(code) } else { 0 });
    match encode_response(cx.key, cx.version, cx.correlation_id, &response) {
        Ok(frame) => Response::Frame(frame),
        Err(bug) => Response::Close(bug.into()),
    }
}

/// Nothing of the request can be served. Versions that name topics hear it for each partition: the first of them have no
/// other place for it.
pub fn refused(cx: &Context, request: &FetchRequest, code: ErrorCode) -> Response {
    let told = cx.error(code);
    let topics = request.topics.iter().filter(|_| cx.version < 13).map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            PartitionData::default()
                .with_partition_index(asked.partition)
                .with_error_code(told)
                .with_high_watermark(-1)
                .with_aborted_transactions(Some(Vec::new()))
                .with_records(Some(Bytes::new()))
        });
        FetchableTopicResponse::default().with_topic(topic.topic.clone()).with_partitions(partitions.collect())
    });
    let response = FetchResponse::default()
        .with_error_code(if cx.version >= 7 { told } else { 0 })
        .with_session_id(if cx.version >= 7 { request.session_id } else { 0 })
        .with_responses(topics.collect());
    Response::frame(cx.key, cx.version, cx.correlation_id, &response)
}

/// `items` are the partitions to be told, as indexes into `found`, in the order of the answer.
pub fn answer(cx: &Context, session_id: i32, items: &[(usize, Item)], found: &[Found]) -> Response {
    match pieces(cx, session_id, items, found) {
        Ok(pieces) => Response::Pieces(pieces),
        Err(bug) => Response::Close(super::super::Closing::NotEncodable(bug)),
    }
}

fn pieces(
    cx: &Context,
    session_id: i32,
    items: &[(usize, Item)],
    found: &[Found],
) -> Result<Vec<Piece>, crate::wire::NotEncodable> {
    let version = cx.version;
    let mut answer = Pieces::default();
    let out = &mut answer.bytes;
    out.put_i32(0);
    put_response_header(out, cx.correlation_id, cx.key.response_header_version(version));
    out.put_i32(0);
    if version >= 7 {
        out.put_i16(0);
        out.put_i32(session_id);
    }
    // Partitions of one topic that stand together are told together.
    let groups: Vec<&[(usize, Item)]> = items.chunk_by(|(_, a), (_, b)| a.same_topic(b)).collect();
    put_count(out, version, groups.len());
    for group in groups {
        put_topic(&mut answer.bytes, version, &group[0].1);
        put_count(&mut answer.bytes, version, group.len());
        for (index, item) in group {
            put_partition(&mut answer, cx, item, &found[*index])?;
        }
        if version >= FLEXIBLE {
            answer.bytes.put_u8(0);
        }
    }
    if version >= FLEXIBLE {
        answer.bytes.put_u8(0);
    }
    Ok(answer.finish())
}

/// Pieces that are complete and the bytes that are still growing.
#[derive(Default)]
struct Pieces {
    done: Vec<Piece>,
    done_bytes: usize,
    bytes: BytesMut,
}

impl Pieces {
    fn file(&mut self, range: crate::net::FileRange) {
        let bytes = self.bytes.split().freeze();
        self.done_bytes += bytes.len() + range.len;
        self.done.push(Piece::Memory(bytes));
        self.done.push(Piece::File(range));
    }

    /// Writes the frame's length, known only now, into the first piece.
    fn finish(mut self) -> Vec<Piece> {
        let length = (self.done_bytes + self.bytes.len() - 4) as i32;
        match self.done.first_mut() {
            None => self.bytes[..4].copy_from_slice(&length.to_be_bytes()),
            Some(Piece::Memory(first)) => {
                let mut patched = BytesMut::from(std::mem::take(first));
                patched[..4].copy_from_slice(&length.to_be_bytes());
                *first = patched.freeze();
            }
            Some(Piece::File(_)) => unreachable!("an answer begins with bytes"),
        }
        self.done.push(Piece::Memory(self.bytes.freeze()));
        self.done
    }
}

fn put_count(out: &mut BytesMut, version: Version, count: usize) {
    if version >= FLEXIBLE { put_unsigned_varint(out, count as u32 + 1) } else { out.put_i32(count as i32) }
}

fn put_topic(out: &mut BytesMut, version: Version, item: &Item) {
    match version {
        13.. => out.put_slice(item.topic_id.0.as_bytes()),
        FLEXIBLE => {
            put_unsigned_varint(out, item.topic.len() as u32 + 1);
            out.put_slice(item.topic.as_bytes());
        }
        _ => {
            out.put_i16(item.topic.len() as i16);
            out.put_slice(item.topic.as_bytes());
        }
    }
}

fn put_partition(
    answer: &mut Pieces,
    cx: &Context,
    item: &Item,
    found: &Found,
) -> Result<(), crate::wire::NotEncodable> {
    let version = cx.version;
    let start = answer.bytes.len();
    let told = |offset: Option<i64>| offset.unwrap_or(-1);
    let behind = i64::from(seeded::strikes(Bug::TellsOldEnd));
    let mut partition = PartitionData::default()
        .with_partition_index(item.index)
        .with_error_code(found.code.code())
        .with_high_watermark(told(found.bounds.map(|bounds| bounds.high().get() - behind)))
        .with_last_stable_offset(told(found.bounds.map(|bounds| bounds.stable().get())))
        .with_log_start_offset(told(found.bounds.map(|bounds| bounds.start().get())))
        .with_aborted_transactions(found.aborted.as_ref().map(|aborted| {
            aborted
                .iter()
                .map(|aborted| {
                    AbortedTransaction::default()
                        .with_producer_id(ProducerId(aborted.producer.get()))
                        .with_first_offset(aborted.first.get())
                })
                .collect()
        }))
        .with_records(Some(Bytes::new()));
    if let Some(diverging) = found.diverging {
        partition = partition.with_diverging_epoch(
            EpochEndOffset::default().with_epoch(diverging.epoch.get()).with_end_offset(diverging.offset.get()),
        );
    }
    if let Err(error) = partition.encode(&mut answer.bytes, version) {
        return Err(crate::wire::NotEncodable::new(cx.key, version, error.to_string()));
    }
    let Some(range) = &found.range else { return Ok(()) };
    // The crate has written "no records" last (and no tags): in its place comes the real length, then the file.
    let empty: &[u8] = if version >= FLEXIBLE { &[1, 0] } else { &[0, 0, 0, 0] };
    assert!(answer.bytes.len() - start > empty.len() && answer.bytes.ends_with(empty), "records are encoded last");
    answer.bytes.truncate(answer.bytes.len() - empty.len());
    if version >= FLEXIBLE {
        put_unsigned_varint(&mut answer.bytes, range.len as u32 + 1);
    } else {
        answer.bytes.put_i32(range.len as i32);
    }
    answer.file(range.clone());
    if version >= FLEXIBLE {
        answer.bytes.put_u8(0);
    }
    Ok(())
}
