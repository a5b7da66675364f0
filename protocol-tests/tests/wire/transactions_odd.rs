//! Requests of transactions that no client sends: names that cannot be, both protocols in one transaction, a group without a
//! name. Each gets Kafka's code and changes nothing.
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::{
    AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest, InitProducerIdRequest,
    ListTransactionsRequest, TransactionalId, TxnOffsetCommitRequest, txn_offset_commit_request,
};
use protocol_tests::groups::{group_id, new_group};
use protocol_tests::transactions::{Producer, commit_offset, commit_request, find, settled};
use protocol_tests::{
    Code, Connection, Topic, assert_error, assert_ok, code_name, fresh_name, new_topic, on_kafka, text, topic_name,
};
use std::collections::BTreeMap;

/// What is answered for partition 0 of each topic.
fn add(producer: &mut Producer, version: i16, topics: &[&str]) -> BTreeMap<String, i16> {
    let topics = topics
        .iter()
        .map(|name| AddPartitionsToTxnTopic::default().with_name(topic_name(*name)).with_partitions(vec![0]));
    let request = AddPartitionsToTxnRequest::default()
        .with_v3_and_below_transactional_id(producer.id.clone())
        .with_v3_and_below_producer_id(producer.pid.into())
        .with_v3_and_below_producer_epoch(producer.epoch)
        .with_v3_and_below_topics(topics.collect());
    let answer = producer.connection.call(version, &request);
    let told = answer.results_by_topic_v3_and_below.into_iter();
    told.map(|topic| (topic.name.to_string(), topic.results_by_partition[0].partition_error_code)).collect()
}

#[test]
fn txn_5_names_that_no_topic_has_and_the_brokers_own_topics_keep_the_others_out() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    find(&mut producer.connection, 0, &new_group());
    let name = topic.name.to_string();
    let long = "x".repeat(300);
    for version in 0..=3 {
        for bad in ["no name", "", "..", &long] {
            let codes = add(&mut producer, version, &[&name, bad]);
            assert_eq!(codes[bad], Code::UnknownTopicOrPartition.code(), "{bad:?}");
            assert_eq!(codes[&name], Code::OperationNotAttempted.code());
        }
        for own in ["__consumer_offsets", "__transaction_state"] {
            let codes = add(&mut producer, version, &[own, &name]);
            assert_eq!(codes[own], Code::TopicAuthorizationFailed.code());
            assert_eq!(codes[&name], Code::OperationNotAttempted.code());
        }
    }
    assert_error(producer.end(4, true).error_code, Code::InvalidTxnState);
}

#[test]
fn txn_5_an_empty_transactional_id_is_invalid() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    producer.id = TransactionalId(text(""));
    assert_eq!(producer.add(3, &topic, vec![0]), [Code::InvalidRequest.code()]);
    assert_error(producer.add_offsets(4, &group), Code::InvalidRequest);
    for version in [4, 5] {
        assert_error(producer.end(version, true).error_code, Code::InvalidRequest);
    }
    let ids = vec![producer.id.clone()];
    let answer = producer.connection.call(0, &DescribeTransactionsRequest::default().with_transactional_ids(ids));
    assert_error(answer.transaction_states[0].error_code, Code::InvalidRequest);
}

#[test]
fn init_5_a_producer_id_that_cannot_be_is_somebody_else() {
    let mut producer = Producer::fresh();
    for (version, expected) in [(3, Code::InvalidProducerEpoch), (4, Code::ProducerFenced), (5, Code::ProducerFenced)] {
        for (pid, epoch) in [(-2, 0), (i64::MIN, 0), (producer.pid, -2), (producer.pid, i16::MAX), (i64::MAX, 0)] {
            let request = InitProducerIdRequest::default()
                .with_transactional_id(Some(producer.id.clone()))
                .with_transaction_timeout_ms(60_000)
                .with_producer_id(pid.into())
                .with_producer_epoch(epoch);
            assert_error(producer.connection.call(version, &request).error_code, expected);
        }
    }
    let topic = new_topic(&mut producer.connection, 1);
    assert_ok(producer.produce(12, &topic, 0, 1));
    producer.end_2(true);
}

#[test]
fn txn_8_both_protocols_may_take_turns_and_meet_in_one_transaction() {
    let mut producer = Producer::fresh();
    let topic = new_topic(&mut producer.connection, 2);
    // Added by hand, ended with the next epoch.
    assert_eq!(producer.add(3, &topic, vec![0]), [0]);
    assert_ok(producer.produce(11, &topic, 0, 1));
    producer.end_2(true);
    assert_eq!(settled(&topic, 2), 0);
    // Joined by writing, ended without another epoch.
    assert_ok(producer.produce(12, &topic, 0, 1));
    let answer = producer.end(4, true);
    assert_ok(answer.error_code);
    assert_eq!((answer.producer_id.0, answer.producer_epoch), (-1, -1));
    assert_eq!(settled(&topic, 4), 0);
    // One partition this way, the other that way.
    assert_eq!(producer.add(3, &topic, vec![1]), [0]);
    assert_ok(producer.produce_at(11, (&topic, 1), 0, 1));
    assert_ok(producer.produce(12, &topic, 1, 1));
    producer.end_2(false);
    assert_eq!(settled(&topic, 6), 1);
}

fn commit_to(producer: &mut Producer, version: i16, group: &str, topics: &[(&str, i32)]) -> Vec<i16> {
    let topics = topics.iter().map(|(name, index)| {
        let partition = txn_offset_commit_request::TxnOffsetCommitRequestPartition::default()
            .with_partition_index(*index)
            .with_committed_offset(5)
            .with_committed_metadata(Some(text("")));
        txn_offset_commit_request::TxnOffsetCommitRequestTopic::default()
            .with_name(topic_name(*name))
            .with_partitions(vec![partition])
    });
    let request = TxnOffsetCommitRequest::default()
        .with_transactional_id(producer.id.clone())
        .with_group_id(group_id(group))
        .with_producer_id(producer.pid.into())
        .with_producer_epoch(producer.epoch)
        .with_topics(topics.collect());
    let answer = producer.connection.call(version, &request);
    let mut told: Vec<_> =
        answer.topics.iter().map(|topic| (topic.name.to_string(), topic.partitions[0].error_code)).collect();
    told.sort();
    told.into_iter().map(|(_, code)| code).collect()
}

#[test]
fn txn_21_a_topic_without_partitions_is_answered_only_where_it_is_not_there() {
    let mut producer = Producer::fresh();
    let topic: Topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    let named =
        |name: &str| txn_offset_commit_request::TxnOffsetCommitRequestTopic::default().with_name(topic_name(name));
    for version in 0..=5 {
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(producer.id.clone())
            .with_group_id(group_id(&group))
            .with_producer_id(producer.pid.into())
            .with_producer_epoch(producer.epoch)
            .with_topics(vec![named(&topic.name), named("zz-nobody")]);
        let answer = producer.connection.call(version, &request);
        let told: Vec<_> = answer.topics.iter().map(|topic| (topic.name.as_str(), topic.partitions.len())).collect();
        assert_eq!(told, [("zz-nobody", 0)], "version {version}");
    }
}

#[test]
fn txn_21_offsets_of_topics_that_are_not_there_are_refused_one_by_one() {
    let mut producer = Producer::fresh();
    let topic: Topic = new_topic(&mut producer.connection, 1);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    let (name, unknown) = (topic.name.to_string(), Code::UnknownTopicOrPartition.code());
    for version in 0..=5 {
        // Whoever asks, of whatever group.
        let epoch = std::mem::replace(&mut producer.epoch, 77);
        assert_eq!(commit_to(&mut producer, version, &group, &[("no name", 0), (&name, 1)]).len(), 2);
        assert_eq!(commit_to(&mut producer, version, &group, &[("zz-nobody", 0), (&name, 9)]), [unknown; 2]);
        assert_eq!(commit_to(&mut producer, version, "", &[("zz-nobody", 0)]), [unknown]);
        producer.epoch = epoch;
        assert_eq!(commit_to(&mut producer, version, "", &[(&name, 0)]), [Code::InvalidGroupId.code()]);
    }
    let both = [(&*name, 0), ("zz-nobody", 0)];
    for version in 0..=5 {
        // Refused as a whole: what is not there is told so nevertheless.
        assert_eq!(commit_to(&mut producer, version, "", &both), [Code::InvalidGroupId.code(), unknown]);
    }
    let epoch = std::mem::replace(&mut producer.epoch, 77);
    assert_eq!(commit_to(&mut producer, 5, &group, &both), [Code::InvalidProducerEpoch.code(), unknown]);
    producer.epoch = epoch;
    assert_eq!(commit_to(&mut producer, 5, &group, &both), [0, unknown]);
    assert_ok(commit_offset(&mut producer, 5, &group, &topic, 9));
    producer.end_2(true);
}

#[test]
fn txn_21_metadata_that_is_too_long_is_refused_and_the_other_offsets_are_kept() {
    let mut producer = Producer::fresh();
    let topic: Topic = new_topic(&mut producer.connection, 2);
    let group = new_group();
    let long = "x".repeat(4_097);
    for version in 0..=5 {
        if version < 5 {
            assert_ok(producer.add_offsets(4, &group));
        }
        assert_ok(commit_offset(&mut producer, version, &group, &topic, 9));
        let mut request = commit_request(&producer, &group, &topic, 10);
        let partitions = &mut request.topics[0].partitions;
        partitions.push(partitions[0].clone().with_partition_index(1));
        partitions[0].committed_metadata = Some(text(&long[1..]));
        partitions[1].committed_metadata = Some(text(&long));
        let mut told = producer.connection.call(version, &request).topics.remove(0).partitions;
        told.sort_by_key(|partition| partition.partition_index);
        let codes: Vec<i16> = told.iter().map(|partition| partition.error_code).collect();
        assert_eq!(codes, [0, Code::OffsetMetadataTooLarge.code()], "version {version}");
    }
    producer.end_2(true);
}

#[test]
fn txn_25_what_is_listed_by_names_and_patterns_that_cannot_be() {
    let mut producer = Producer::fresh();
    let request = ListTransactionsRequest::default()
        .with_state_filters(vec![text("Ongoing"), text("nonsense")])
        .with_producer_id_filters(vec![producer.pid.into()]);
    let answer = producer.connection.call(0, &request);
    assert_ok(answer.error_code);
    assert_eq!(answer.unknown_state_filters, [text("nonsense")]);
    assert!(answer.transaction_states.is_empty());
    let request = ListTransactionsRequest::default().with_transactional_id_pattern(Some(text("(")));
    let answer = producer.connection.call(2, &request);
    assert_error(answer.error_code, Code::InvalidRegularExpression);
}

/// The ids that a pattern finds, in order; or why it finds none.
fn find_by(connection: &mut Connection, pattern: &str) -> Result<Vec<String>, i16> {
    let request = ListTransactionsRequest::default().with_transactional_id_pattern(Some(text(pattern)));
    let answer = connection.call(2, &request);
    if answer.error_code != 0 {
        assert!(answer.transaction_states.is_empty());
        return Err(answer.error_code);
    }
    let mut ids: Vec<_> = answer.transaction_states.iter().map(|one| one.transactional_id.to_string()).collect();
    ids.sort();
    Ok(ids)
}

#[test]
fn txn_25_patterns_of_ids_are_of_re2_and_match_the_whole_id() {
    let name = fresh_name("transactional");
    let id = |end: &str| format!("{name}{end}");
    let [dot, other, number, letter] = [".b", "xb", "q7", "q\u{663}"].map(|end| {
        Producer::again(TransactionalId(text(id(end))));
        id(end)
    });
    let connection = &mut Connection::open();
    let mut found = |end: &str| find_by(connection, &format!("{name}{end}"));
    assert_eq!(found(r"\Q.b\E"), Ok(vec![dot.clone()]));
    assert_eq!(found(".b"), Ok(vec![dot.clone(), other.clone()]));
    assert_eq!(found(r"q\d"), Ok(vec![number.clone()]), "digits are those of ASCII");
    assert_eq!(found(r"q\p{Nd}"), Ok(vec![number.clone(), letter.clone()]));
    assert_eq!(found(".*"), Ok(vec![dot.clone(), number, letter, other]));
    assert_eq!(found(""), Ok(vec![]), "the whole id");
    let refused = Err(Code::InvalidRegularExpression.code());
    for bad in ["a)|(?:.*", "(", "(?<=a)b", r"(a)\1", "a{2000}"] {
        assert_eq!(found(bad), refused, "{bad}");
    }
    let all = find_by(connection, "").expect("no pattern");
    assert!(all.contains(&dot));
}

#[test]
fn txn_21_offsets_that_come_while_the_last_transaction_ends_are_refused_for_now() {
    const PARTITIONS: i32 = 100;
    let mut producer = Producer::fresh();
    // So many markers take a while.
    let topic = new_topic(&mut producer.connection, PARTITIONS);
    let group = new_group();
    find(&mut producer.connection, 0, &group);
    for version in [4, 5] {
        for partition in 0..PARTITIONS {
            if version < 5 {
                assert_eq!(producer.add(3, &topic, vec![partition]), [0]);
            } else {
                assert_ok(producer.produce_at(12, (&topic, partition), 0, 1));
            }
        }
        let ended = producer.end_request(true);
        let end = producer.connection.send(version, &ended);
        producer.epoch += i16::from(version == 5);
        let request = commit_request(&producer, &group, &topic, 7);
        let commit = producer.connection.send(version, &request);
        assert_ok(producer.connection.receive::<EndTxnRequest>(version, end).error_code);
        let answer = producer.connection.receive::<TxnOffsetCommitRequest>(version, commit);
        let code = answer.topics[0].partitions[0].error_code;
        if on_kafka() {
            assert_error(code, Code::ConcurrentTransactions);
        } else if version < 5 {
            // Where all markers were quicker it is in no transaction.
            assert!(
                [Code::CoordinatorNotAvailable, Code::TransactionAbortable].map(|code| code.code()).contains(&code),
                "{}",
                code_name(code)
            );
        } else {
            // It waited for the end: not long enough where a hundred markers take very long.
            assert!([0, Code::CoordinatorLoadInProgress.code()].contains(&code), "{}", code_name(code));
        }
    }
}
