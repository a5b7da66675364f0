//! The log's own records, as KRaft writes them: who leads from here on.
use crate::{
    types::NodeId,
    wire::structure::{Value, Writer, structures},
};

/// Kafka's `ControlRecordType.LEADER_CHANGE`.
pub const CONTROL_LEADER_CHANGE: i16 = 2;

structures! {
    /// One member of the quorum.
    pub struct Voter {
        voter_id: i32,
    } tagged {}

    /// Kafka's `LeaderChangeMessage`, version 0.
    pub struct LeaderChange {
        version: i16,
        leader_id: i32,
        voters: Vec<Voter>,
        granting_voters: Vec<Voter>,
    } tagged {}
}

/// The key of the control record: version and type.
pub fn leader_change_key() -> [u8; 4] {
    let [high, low] = CONTROL_LEADER_CHANGE.to_be_bytes();
    [0, 0, high, low]
}

/// Its value: `leader` was elected by `granting` of all `voters`.
pub fn leader_change_value(leader: NodeId, voters: &[NodeId], granting: &[NodeId]) -> Vec<u8> {
    let members = |nodes: &[NodeId]| nodes.iter().map(|node| Voter { voter_id: node.0 }).collect();
    let change =
        LeaderChange { version: 0, leader_id: leader.0, voters: members(voters), granting_voters: members(granting) };
    let mut to = Writer::new(0, true);
    change.put(&mut to);
    to.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_change_has_the_bytes_that_apache_kafka_writes() {
        let one = [NodeId(1)];
        // From the first batch of a log of Apache Kafka 4.3.1.
        let golden = [0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 0];
        assert_eq!(leader_change_value(NodeId(1), &one, &one), golden);
        assert_eq!(leader_change_key(), [0, 0, 0, 2]);
    }
}
