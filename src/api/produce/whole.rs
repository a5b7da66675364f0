//! What is wrong with a Produce request as a whole: then nothing of it is written.
use super::{Context, Reply, Response, unacknowledged};
use crate::{
    record::BatchHeader,
    types::{Acks, ErrorCode},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    ProduceRequest, ProduceResponse,
    produce_response::{PartitionProduceResponse, TopicProduceResponse},
};

/// The same for every partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("a batch of a transaction comes without a transactional id")]
    NoTransactionalId,
    #[error("the batches of transactions come from more than one producer")]
    SeveralProducers,
}

impl Fault {
    fn code(self) -> ErrorCode {
        match self {
            Fault::NoTransactionalId => ErrorCode::TransactionalIdAuthorizationFailed,
            Fault::SeveralProducers => ErrorCode::InvalidProducerIdMapping,
        }
    }
}

/// VAL-5: batches of transactions need a transactional id that may be written, and belong to one producer and epoch. What
/// cannot be read is its partition's fault.
pub fn fault(request: &ProduceRequest) -> Option<Fault> {
    let mut producer = None;
    let partitions = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    for bytes in partitions.filter_map(|partition| partition.records.as_ref()) {
        let Ok(header) = BatchHeader::parse(bytes) else { continue };
        if !header.is_transactional() {
            continue;
        }
        if request.transactional_id.is_none() {
            return Some(Fault::NoTransactionalId);
        }
        if header.producer_id < 0 {
            continue;
        }
        let own = (header.producer_id, header.producer_epoch);
        if *producer.get_or_insert(own) != own {
            return Some(Fault::SeveralProducers);
        }
    }
    None
}

/// The answer that tells every partition the same.
pub fn refuse(cx: &Context, request: &ProduceRequest, fault: Fault) -> Reply<Response> {
    let message = (cx.version >= 8).then(|| StrBytes::from_string(fault.to_string()));
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|partition| {
            PartitionProduceResponse::default()
                .with_index(partition.index)
                .with_error_code(cx.error(fault.code()))
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(-1)
                .with_error_message(message.clone())
        });
        TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_topic_id(topic.topic_id)
            .with_partition_responses(partitions.collect())
    });
    let response = ProduceResponse::default().with_responses(topics.collect());
    if Acks::from_wire(request.acks) == Some(Acks::None) {
        return Reply::Now(unacknowledged(&response));
    }
    Reply::Now(Response::frame(cx.key, cx.version, cx.correlation_id, &response))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::BatchBuilder;
    use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};

    const TRANSACTIONAL: i16 = 1 << 4;

    fn request(transactional_id: Option<&'static str>, batches: Vec<BatchBuilder>) -> ProduceRequest {
        let partitions = batches.into_iter().enumerate().map(|(index, batch)| {
            let batch = batch.record(None, Some(b"x")).build();
            PartitionProduceData::default().with_index(index as i32).with_records(Some(batch.bytes().clone()))
        });
        ProduceRequest::default()
            .with_transactional_id(transactional_id.map(|id| StrBytes::from_static_str(id).into()))
            .with_topic_data(vec![TopicProduceData::default().with_partition_data(partitions.collect())])
    }

    fn of(producer: i64, epoch: i16) -> BatchBuilder {
        BatchBuilder::new(0).producer(producer, epoch, 0)
    }

    #[test]
    fn val_5_a_request_carries_transactions_of_one_producer_and_epoch() {
        let transactional = |producer, epoch| of(producer, epoch).attributes(TRANSACTIONAL);
        for (id, batches, expected) in [
            (None, vec![of(1, 0), of(2, 0)], None),
            (Some("t"), vec![transactional(1, 0), transactional(1, 0), of(2, 0)], None),
            (Some("t"), vec![transactional(1, 0), transactional(2, 0)], Some(Fault::SeveralProducers)),
            (Some("t"), vec![transactional(1, 0), transactional(1, 1)], Some(Fault::SeveralProducers)),
            (None, vec![of(1, 0), transactional(1, 0)], Some(Fault::NoTransactionalId)),
        ] {
            assert_eq!(fault(&request(id, batches)), expected);
        }
    }
}
