//! A classic group as it is kept: record type 2.
use crate::wire::structure::{Blob, structures};

structures! {
    /// Which group: the key of record types 2, 3, 4 and 6.
    pub struct GroupKey {
        group: String,
    } tagged {}

    /// A classic group at the end of a rebalance, or empty. Versions 0 to 4; 4 is flexible.
    pub struct GroupMetadataValue {
        protocol_type: String,
        generation: i32,
        /// None while the group is empty.
        protocol: Option<String>,
        /// A member id; none while the group is empty.
        leader: Option<String>,
        /// Milliseconds since 1970 of the last change of state; -1: not told.
        current_state_timestamp: i64 [2] = -1,
        members: Vec<GroupMember>,
    } tagged {}

    /// A member of a classic group.
    pub struct GroupMember {
        member_id: String,
        group_instance_id: Option<String> [3],
        client_id: String,
        client_host: String,
        rebalance_timeout_ms: i32 [1] = -1,
        session_timeout_ms: i32,
        /// Metadata of the selected protocol, as the member sent it.
        subscription: Blob,
        /// As the leader sent it.
        assignment: Blob,
    } tagged {}
}
