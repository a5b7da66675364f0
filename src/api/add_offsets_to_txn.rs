//! AddOffsetsToTxn 0-4: a transaction will commit offsets of a group, so the group's partition joins it. Version 2 knows
//! PRODUCER_FENCED, 3 is flexible.
use super::{Context, Reply, internal_topics, transactions};
use crate::{
    coordinator::{
        Coordinated, GroupMachine, partition_of,
        txn::{self, Producer},
    },
    types::{ErrorCode, TransactionVersion},
    wire::messages::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse},
};

pub fn handle(cx: &Context, request: AddOffsetsToTxnRequest) -> Reply<AddOffsetsToTxnResponse> {
    let cx = cx.clone();
    Reply::later(async move {
        let code = add(&cx, &request).await.err().unwrap_or(ErrorCode::None);
        let code = transactions::fenced_since(cx.version, 2, code);
        AddOffsetsToTxnResponse::default().with_error_code(cx.error(code))
    })
}

async fn add(cx: &Context, request: &AddOffsetsToTxnRequest) -> Result<(), ErrorCode> {
    if cx.broker.image.load().topics.named(GroupMachine::TOPIC).is_none() {
        // The producer asks this before anybody looks for the group's coordinator.
        internal_topics::make_offsets(cx).await;
    }
    let image = cx.broker.image.load_full();
    let topic = image.topics.named(GroupMachine::TOPIC).ok_or(ErrorCode::CoordinatorNotAvailable)?;
    let partition = partition_of(&request.group_id, topic.partitions.len() as i32);
    let asked = txn::Request::AddPartitions {
        id: (&**request.transactional_id).into(),
        producer: Producer { id: request.producer_id.0, epoch: request.producer_epoch },
        partitions: [(topic.name.clone(), partition)].into(),
        version: TransactionVersion::V0,
    };
    match transactions::ask(&cx.broker, &request.transactional_id, asked).await? {
        txn::Reply::Done => Ok(()),
        other => Err(transactions::unexpected("AddOffsetsToTxn", &other)),
    }
}
