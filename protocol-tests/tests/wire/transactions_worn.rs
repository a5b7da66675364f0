//! A producer id whose epochs are used up (INIT-6): its transactions end, and who goes on does so under another id.
use kafka_protocol::messages::InitProducerIdRequest;
use protocol_tests::transactions::{Producer, ask_for_id, settled};
use protocol_tests::{Code, assert_error, assert_ok, new_topic};

/// The last epoch that a client may have; the one behind it is the broker's own.
const LAST: i16 = i16::MAX - 1;
const IN_FLIGHT: i16 = 500;

/// Begins anew until its epochs are used up.
fn wear(producer: &mut Producer) {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(Some(producer.id.clone()))
        .with_transaction_timeout_ms(60_000)
        .with_producer_id((-1).into())
        .with_producer_epoch(-1);
    while producer.epoch < LAST {
        let count = IN_FLIGHT.min(LAST - producer.epoch);
        let sent: Vec<i32> = (0..count).map(|_| producer.connection.send(4, &request)).collect();
        for correlation in sent {
            let answer = producer.connection.receive::<InitProducerIdRequest>(4, correlation);
            // One that met the one before it on its way.
            if answer.error_code != Code::ConcurrentTransactions.code() {
                assert_ok(answer.error_code);
                assert_eq!((answer.producer_id.0, answer.producer_epoch), (producer.pid, producer.epoch + 1));
                producer.epoch = answer.producer_epoch;
            }
        }
    }
}

#[test]
fn init_6_a_producer_whose_epochs_are_used_up_goes_on_under_another_id() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    wear(&mut producer);
    // As a client of transaction.version 1: the end changes nothing.
    assert_eq!(producer.add(3, &topic, vec![0]), [0]);
    assert_ok(producer.produce(11, &topic, 0, 2));
    assert_ok(producer.end(4, false).error_code);
    assert_eq!(settled(&topic, 3), 1);
    // As one of version 2: the end is what gives the id.
    assert_ok(producer.produce(12, &topic, 2, 3));
    let ended = producer.end(5, true);
    assert_ok(ended.error_code);
    assert_ne!(ended.producer_id.0, producer.pid);
    assert_eq!(ended.producer_epoch, 0);
    assert_eq!(settled(&topic, 7), 1);
    // The answer was lost.
    let again = producer.end(5, true);
    assert_eq!((again.error_code, again.producer_id, again.producer_epoch), (0, ended.producer_id, 0));
    assert_error(producer.end(5, false).error_code, Code::InvalidTxnState);
    assert_error(producer.produce(12, &topic, 5, 1), Code::InvalidProducerEpoch);
    // It goes on.
    (producer.pid, producer.epoch) = (ended.producer_id.0, 0);
    assert_ok(producer.produce(12, &topic, 0, 1));
    producer.end_2(false);
    assert_eq!(settled(&topic, 9), 2);
    // And so it does when it begins anew.
    let before = producer.pid;
    wear(&mut producer);
    let answer = ask_for_id(&mut producer.connection, &producer.id, 4);
    assert_ok(answer.error_code);
    assert!(answer.producer_id.0 != before && answer.producer_epoch == 0);
}
