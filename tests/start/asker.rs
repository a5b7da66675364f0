//! Typed questions on one connection, and answers that must decode to their last byte.
use bytes::{Buf, BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        produce_request::{PartitionProduceData, TopicProduceData},
        *,
    },
    protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes},
    records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    ops::RangeInclusive,
};

pub struct Asker {
    port: u16,
    socket: TcpStream,
    asked: usize,
}

impl Asker {
    pub fn new(port: u16) -> Asker {
        Asker { port, socket: crate::child::connect(port), asked: 0 }
    }

    /// The answer; `None` when this version cannot ask that.
    pub fn ask<R: Request + std::fmt::Debug>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let mut body = BytesMut::new();
        request.encode(&mut body, version).ok()?;
        let mut frame = BytesMut::new();
        frame.put_i32(0);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(7)
            .with_client_id(Some(text("versions")));
        header.encode(&mut frame, R::header_version(version)).unwrap();
        frame.extend_from_slice(&body);
        let length = (frame.len() - 4) as i32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.socket.write_all(&frame).unwrap();
        let mut length = [0; 4];
        if let Err(error) = self.socket.read_exact(&mut length) {
            self.socket = crate::child::connect(self.port);
            panic!("{:?} version {version}: no answer ({error}) to {request:?}", ApiKey::try_from(R::KEY));
        }
        let mut answer = vec![0; i32::from_be_bytes(length) as usize];
        self.socket.read_exact(&mut answer).unwrap();
        let mut answer = Bytes::from(answer);
        let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, 7);
        let decoded = R::Response::decode(&mut answer, version)
            .unwrap_or_else(|error| panic!("{:?} version {version}: {error}", ApiKey::try_from(R::KEY)));
        assert!(!answer.has_remaining(), "{:?} version {version}", ApiKey::try_from(R::KEY));
        self.asked += 1;
        Some(decoded)
    }

    /// Asks everything at every version.
    pub fn each<R: Request + std::fmt::Debug>(
        &mut self,
        versions: RangeInclusive<i16>,
        requests: impl Fn(i16) -> Vec<R>,
    ) {
        for version in versions {
            let before = self.asked;
            for request in requests(version) {
                self.ask(version, &request);
            }
            assert!(self.asked > before, "{:?} version {version} was never asked", ApiKey::try_from(R::KEY));
        }
    }
}

pub fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub fn name(name: &str) -> TopicName {
    TopicName(text(name))
}

/// One record for partition 0 of a topic.
pub fn produce_data(topic: &str, record: &Record) -> TopicProduceData {
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, [record], &options).unwrap();
    let data = PartitionProduceData::default().with_records(Some(batch.freeze()));
    TopicProduceData::default().with_name(name(topic)).with_partition_data(vec![data])
}
