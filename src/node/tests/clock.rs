//! A whole node under a clock that is set: what is measured in time passed knows nothing of it (OPS-8).
use super::*;
use crate::{
    net::{BrokerAddress, Client, ClientSettings},
    node::Node,
    types::ErrorCode,
    wire::{
        StrBytes,
        messages::{
            FetchRequest, TopicName,
            fetch_request::{FetchPartition, FetchTopic},
        },
    },
};

const ONE_HOUR_MS: i64 = 3_600_000;

struct Reader(Client);

impl Reader {
    /// The code and the session of a fetch of one partition that nobody made.
    async fn fetch(&self, id: i32, epoch: i32) -> (i16, i32) {
        let topic = FetchTopic::default().with_topic(TopicName(StrBytes::from_static_str("t")));
        let topic = topic.with_partitions(vec![FetchPartition::default()]);
        let request = FetchRequest::default().with_session_id(id).with_session_epoch(epoch).with_topics(vec![topic]);
        let answer = self.0.begin(&request, 12).await.unwrap().answer().await.unwrap();
        (answer.error_code, answer.session_id)
    }
}

#[test]
fn fet_12_a_clock_that_is_set_makes_no_session_old() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let clock = Arc::new(ManualClock::at_wall_ms(NOW_MS));
        let mut parts = parts(&MemoryDisk::new(), "/data", Arc::new(SeededChance::new(1)));
        parts.clock = clock.clone();
        parts.config.fetch.session_slots_max = 1;
        for listener in parts.config.network.listeners.iter_mut().chain(&mut parts.config.network.advertised) {
            listener.port = 0;
        }
        let node = Node::start(parts).await.unwrap();
        let address = BrokerAddress { host: "127.0.0.1".into(), port: node.listeners[0].port };
        let reader = Reader(Client::open(&address, &ClientSettings::default()).await.unwrap());
        let (code, id) = reader.fetch(0, 0).await;
        assert!(code == 0 && id > 0);
        for (epoch, set_by_ms) in (1..).zip([ONE_HOUR_MS, -2 * ONE_HOUR_MS, 24 * ONE_HOUR_MS]) {
            clock.set_wall_ms(clock.wall_ms() + set_by_ms);
            assert_eq!(reader.fetch(0, 0).await, (0, 0), "no room for another after {set_by_ms} ms");
            assert_eq!(reader.fetch(id, epoch).await, (0, id));
        }
        clock.advance(Duration::from_secs(121));
        clock.set_wall_ms(NOW_MS - 24 * ONE_HOUR_MS);
        let (_, newer) = reader.fetch(0, 0).await;
        assert!(newer > 0, "two minutes have passed, whatever day it is");
        assert_eq!(reader.fetch(id, 4).await.0, ErrorCode::FetchSessionIdNotFound.code());
        assert_eq!(reader.fetch(newer, 1).await, (0, newer));
        drop(reader);
        node.stop().await.unwrap();
    });
}
