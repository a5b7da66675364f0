//! WriteTxnMarkers 1-2, of which the `kafka-protocol` crate knows version 1: version 2 says by which protocol the
//! transaction was run (KIP-1228).
use super::{Malformed, RequestBody, Version, structure::structures};
use crate::wire::structure::{Reader, Value};
use bytes::Bytes;

structures! {
    /// Markers that end transactions in partitions that this broker leads.
    pub struct WriteTxnMarkersRequest {
        markers: Vec<TxnMarker>,
    } tagged {}

    /// One transaction's end.
    pub struct TxnMarker {
        producer_id: i64,
        producer_epoch: i16,
        /// False: it is aborted.
        commit: bool,
        topics: Vec<TxnMarkerTopic>,
        coordinator_epoch: i32,
        transaction_version: i8 [2],
    } tagged {}

    /// Partitions of one topic.
    pub struct TxnMarkerTopic {
        name: String,
        partitions: Vec<i32>,
    } tagged {}
}

impl RequestBody for WriteTxnMarkersRequest {
    fn decode_body(body: &mut Bytes, version: Version) -> Result<WriteTxnMarkersRequest, Malformed> {
        let content = |error: crate::wire::structure::Unreadable| Malformed::Content(error.to_string());
        let mut reader = Reader::new(body, version, true);
        let request = WriteTxnMarkersRequest::read(&mut reader).map_err(content)?;
        reader.finish().map_err(content)?;
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::structure::Writer;
    use bytes::BytesMut;
    use kafka_protocol::{
        messages::{
            self, ProducerId, TopicName,
            write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
        },
        protocol::{Encodable, StrBytes},
    };

    fn request(transaction_version: i8) -> WriteTxnMarkersRequest {
        let topic = TxnMarkerTopic { name: "t".into(), partitions: vec![0, 7] };
        let marker = TxnMarker {
            producer_id: 5,
            producer_epoch: 3,
            commit: true,
            topics: vec![topic],
            coordinator_epoch: 9,
            transaction_version,
        };
        WriteTxnMarkersRequest { markers: vec![marker] }
    }

    #[test]
    fn version_1_is_read_as_the_crate_writes_it() {
        let topic = WritableTxnMarkerTopic::default()
            .with_name(TopicName(StrBytes::from_static_str("t")))
            .with_partition_indexes(vec![0, 7]);
        let marker = WritableTxnMarker::default()
            .with_producer_id(ProducerId(5))
            .with_producer_epoch(3)
            .with_transaction_result(true)
            .with_topics(vec![topic])
            .with_coordinator_epoch(9);
        let mut bytes = BytesMut::new();
        messages::WriteTxnMarkersRequest::default().with_markers(vec![marker]).encode(&mut bytes, 1).unwrap();
        assert_eq!(WriteTxnMarkersRequest::decode_body(&mut bytes.freeze(), 1), Ok(request(0)));
    }

    #[test]
    fn version_2_carries_the_protocol_of_the_transaction() {
        let mut writer = Writer::new(2, true);
        request(2).put(&mut writer);
        let mut bytes = Bytes::from(writer.into_bytes());
        let shape = crate::wire::shape_of(27).unwrap();
        assert!(shape.fits(&bytes, 2) && !shape.fits(&bytes, 1));
        assert_eq!(WriteTxnMarkersRequest::decode_body(&mut bytes.clone(), 2), Ok(request(2)));
        assert!(WriteTxnMarkersRequest::decode_body(&mut bytes.split_to(8), 2).is_err());
    }
}
