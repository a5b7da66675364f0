//! What Kafka's consumers put into the opaque bytes of the classic protocol: subscriptions and assignments. Other kinds of
//! members put there what they like.
use super::{
    Version,
    structure::{Blob, Reader, Unreadable, Value, Writer, structures},
};
use bytes::Bytes;

/// Later versions only add at the end: they are read as this one.
const VERSION_MAX: Version = 3;

structures! {
    /// `ConsumerProtocolSubscription`: what a member asks for with JoinGroup.
    pub struct Subscription {
        topics: Vec<String>,
        user_data: Option<Blob>,
        /// What it has so far; a member that lets go of everything before it joins has nothing.
        owned_partitions: Vec<TopicPartitions> [1],
        generation_id: i32 [2] = -1,
        rack_id: Option<String> [3],
    } tagged {}

    /// `ConsumerProtocolAssignment`: what a member is told with SyncGroup.
    pub struct Assignment {
        assigned_partitions: Vec<TopicPartitions>,
        /// Words of the leader's assignor to the member's.
        user_data: Option<Blob>,
    } tagged {}

    /// Partitions of one topic.
    pub struct TopicPartitions {
        topic: String,
        partitions: Vec<i32>,
    } tagged {}
}

impl Subscription {
    /// Also the version in which it was written: assignments for this member are written in it too.
    pub fn of_bytes(bytes: &[u8]) -> Result<(Version, Subscription), Unreadable> {
        of_bytes(bytes)
    }

    /// The topics alone, with which every version begins: also of clients that get the rest wrong.
    pub fn topics_of(bytes: &[u8]) -> Result<Vec<String>, Unreadable> {
        let mut from = Reader::lossy(bytes);
        version(&mut from)?;
        Vec::<String>::read(&mut from)
    }

    pub fn to_bytes(&self, version: Version) -> Bytes {
        to_bytes(self, version)
    }
}

impl Assignment {
    pub fn of_bytes(bytes: &[u8]) -> Result<Assignment, Unreadable> {
        of_bytes(bytes).map(|(_, assignment)| assignment)
    }

    pub fn to_bytes(&self, version: Version) -> Bytes {
        to_bytes(self, version)
    }
}

fn of_bytes<T: Value>(bytes: &[u8]) -> Result<(Version, T), Unreadable> {
    let mut from = Reader::lossy(bytes);
    from.version = version(&mut from)?;
    Ok((from.version, T::read(&mut from)?))
}

fn version(from: &mut Reader<'_>) -> Result<Version, Unreadable> {
    match Version::read(from)? {
        version @ 0.. => Ok(version.min(VERSION_MAX)),
        _ => Err(Unreadable::Number),
    }
}

fn to_bytes<T: Value>(value: &T, version: Version) -> Bytes {
    let mut to = Writer::new(version, false);
    version.put(&mut to);
    value.put(&mut to);
    to.into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_write_is_read_at_every_version() {
        let owned_partitions = vec![TopicPartitions { topic: "t".into(), partitions: vec![0, 2] }];
        let of = |version: Version| Subscription {
            topics: vec!["t".into()],
            user_data: Some(Blob(Bytes::from_static(b"u"))),
            owned_partitions: if version >= 1 { owned_partitions.clone() } else { vec![] },
            generation_id: if version >= 2 { 7 } else { -1 },
            rack_id: if version >= 3 { Some("r".into()) } else { None },
        };
        for version in 0..=3 {
            let bytes = of(version).to_bytes(version);
            assert_eq!(Subscription::of_bytes(&bytes), Ok((version, of(version))));
            assert_eq!(Subscription::topics_of(&bytes[..9]), Ok(vec!["t".to_owned()]));
        }
        let mut newer = of(3).to_bytes(3).to_vec();
        newer[1] = 9;
        newer.extend([1, 2, 3]);
        assert_eq!(Subscription::of_bytes(&newer), Ok((3, of(3))));
        let assignment = Assignment { assigned_partitions: owned_partitions, user_data: None };
        assert_eq!(&assignment.to_bytes(1)[..], b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\0\0\0\0\x02\xff\xff\xff\xff");
        assert_eq!(Assignment::of_bytes(&assignment.to_bytes(1)), Ok(assignment));
    }

    #[test]
    fn what_is_not_utf_8_is_read_as_by_apache_kafka() {
        let latin = b"\0\0\0\0\0\x01\0\x06m\xfcller\xff\xff\xff\xff";
        let read = Subscription::of_bytes(latin).map(|(_, subscription)| subscription.topics);
        assert_eq!(read, Ok(vec!["m\u{FFFD}ller".to_owned()]));
        assert_eq!(Subscription::topics_of(latin), Ok(vec!["m\u{FFFD}ller".to_owned()]));
        let assignment = Assignment::of_bytes(b"\0\0\0\0\0\x01\0\x01\xff\0\0\0\0\xff\xff\xff\xff");
        assert_eq!(assignment.map(|assignment| assignment.assigned_partitions[0].topic.clone()), Ok("\u{FFFD}".into()));
    }

    #[test]
    fn nonsense_is_refused() {
        for nonsense in [&b""[..], b"\0", b"\xff\xff\0\0\0\0", b"\0\x01\x7f\xff\xff\xff", b"\0\0\0\0\0\x01\0\x05t"] {
            assert!(Subscription::of_bytes(nonsense).is_err(), "{nonsense:?}");
            assert!(Subscription::topics_of(nonsense).is_err(), "{nonsense:?}");
            assert!(Assignment::of_bytes(nonsense).is_err(), "{nonsense:?}");
        }
    }
}
