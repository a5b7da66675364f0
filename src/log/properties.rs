//! Two small files of identity: `meta.properties` of a log directory, `partition.metadata` of a partition.
use crate::{config, log::seal, record::crc32c, types::TopicId};

/// The last line of `meta.properties`: to Kafka a comment.
const CHECKSUM: &str = "#checksum=";

/// Whose directory this is (Kafka's meta.properties, version 1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetaProperties {
    pub cluster_id: String,
    pub node_id: i32,
    /// The directory's own id, printed like a topic's. `None`: of a time before Kafka 3.7, or written by hand.
    pub directory_id: Option<TopicId>,
}

/// What is wrong with one of the two files.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PropertiesError {
    #[error("'{0}' is missing")]
    Missing(&'static str),
    #[error("'{key}' has the value '{value}', which cannot be")]
    Value { key: &'static str, value: String },
    #[error("it is no properties file: {0}")]
    Syntax(#[from] config::PropertiesError),
    #[error("its checksum does not fit: it is damaged. If it was changed by hand, take the checksum out")]
    Checksum,
}

impl MetaProperties {
    pub fn parse(bytes: &[u8]) -> Result<MetaProperties, PropertiesError> {
        let text = config::properties_text(bytes.to_vec());
        if let Some((before, sum)) = text.rsplit_once(CHECKSUM)
            && sum.trim_end() != format!("{:08x}", crc32c(before.as_bytes()))
        {
            return Err(PropertiesError::Checksum);
        }
        let read = config::parse_properties(&text)?;
        let get = |key: &'static str| {
            // Somebody's editor may have left a blank at the end.
            read.iter().rfind(|property| property.key == key).map(|property| property.value.trim().to_owned())
        };
        let need = |key| get(key).ok_or(PropertiesError::Missing(key));
        let version = need("version")?;
        if version != "1" {
            return Err(PropertiesError::Value { key: "version", value: version });
        }
        let node = need("node.id")?;
        let node_id = node.parse().ok().filter(|id| *id >= 0);
        let parsed =
            |text: String| TopicId::parse(&text).ok_or(PropertiesError::Value { key: "directory.id", value: text });
        Ok(MetaProperties {
            cluster_id: need("cluster.id")?,
            node_id: node_id.ok_or(PropertiesError::Value { key: "node.id", value: node })?,
            directory_id: get("directory.id").map(parsed).transpose()?,
        })
    }

    pub fn print(&self) -> String {
        let directory = self.directory_id.map(|id| format!("directory.id={id}\n")).unwrap_or_default();
        let cluster = config::properties_escaped(&self.cluster_id);
        let text = format!("#\ncluster.id={cluster}\n{directory}node.id={}\nversion=1\n", self.node_id);
        format!("{text}{CHECKSUM}{:08x}\n", crc32c(text.as_bytes()))
    }
}

/// Is the directory's `meta.properties` as this broker writes it? Apache Kafka's differs, and what somebody has written by hand.
pub fn is_ours(meta: &[u8]) -> bool {
    MetaProperties::parse(meta)
        .is_ok_and(|read| read.directory_id.is_some() && meta.trim_ascii_end() == read.print().trim_end().as_bytes())
}

/// Parses `partition.metadata` (LOG-27).
pub fn parse_partition_metadata(bytes: &[u8]) -> Result<TopicId, PropertiesError> {
    let text = String::from_utf8_lossy(bytes);
    let get = |key: &'static str| {
        let found = text.lines().filter_map(|line| line.split_once(':')).find(|(name, _)| name.trim() == key);
        found.map(|(_, value)| value).ok_or(PropertiesError::Missing(key))
    };
    let version = get("version")?.trim();
    if version != "0" {
        return Err(PropertiesError::Value { key: "version", value: version.to_owned() });
    }
    let (white, id) = seal::split_begin(get("topic_id")?);
    if seal::fits(white, id) == Some(false) {
        return Err(PropertiesError::Checksum);
    }
    let value = || PropertiesError::Value { key: "topic_id", value: id.to_owned() };
    TopicId::parse(id.trim()).filter(|id| *id != TopicId::ZERO).ok_or_else(value)
}

/// Did this broker make the partition's directory?
pub fn is_metadata_sealed(bytes: &[u8]) -> bool {
    parse_partition_metadata(bytes).is_ok_and(|id| bytes == print_partition_metadata(id).as_bytes())
}

pub fn print_partition_metadata(id: TopicId) -> String {
    let id = id.to_string();
    format!("version: 0\ntopic_id:{}{id}", seal::of(&id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn meta_properties_round_trip_and_kafkas_own_is_read() {
        let meta = MetaProperties { cluster_id: "abc".into(), node_id: 3, directory_id: Some(TopicId::METADATA) };
        assert_eq!(MetaProperties::parse(meta.print().as_bytes()), Ok(meta.clone()));
        let kafkas = b"#\n#Sat Nov 21 07:00:00 UTC 2026\nnode.id=3\nversion=1\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\ncluster.id=abc\n";
        assert_eq!(MetaProperties::parse(kafkas), Ok(meta.clone()));
        let named = MetaProperties { cluster_id: "my:clu=1 \\ü#\u{1f980}".into(), ..meta.clone() };
        let kafkas = b"version=1\ncluster.id=my\\:clu\\=1 \\\\\\u00FC\\#\\uD83E\\uDD80\nnode.id : 3\ndirectory.id=AAAAAAAAAAAAAAAAAAAAAQ\n";
        assert_eq!(MetaProperties::parse(kafkas), Ok(named.clone()));
        let ours = named.print();
        assert!(ours.contains(r"cluster.id=my\:clu\=1 \\\u00FC\#\uD83E\uDD80"), "{ours}");
        assert_eq!(MetaProperties::parse(ours.as_bytes()), Ok(named));
        let before = MetaProperties { directory_id: None, ..meta };
        assert_eq!(MetaProperties::parse(b"version=1\nnode.id=3\ncluster.id=abc"), Ok(before.clone()));
        assert_eq!(MetaProperties::parse(before.print().as_bytes()), Ok(before));
        assert!(MetaProperties::parse(b"version=0\n").is_err());
        assert!(MetaProperties::parse(b"version=1\nnode.id=x\ncluster.id=a\ndirectory.id=b").is_err());
    }

    #[test]
    fn log_27_partition_metadata_round_trips() {
        let text = print_partition_metadata(TopicId::METADATA);
        let kafkas = "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ";
        assert!(text.split_whitespace().eq(kafkas.split_whitespace()), "{text:?}");
        assert_eq!(parse_partition_metadata(text.as_bytes()), Ok(TopicId::METADATA));
        assert_eq!(parse_partition_metadata(kafkas.as_bytes()), Ok(TopicId::METADATA));
        assert!(is_metadata_sealed(text.as_bytes()) && !is_metadata_sealed(kafkas.as_bytes()));
        for bad in ["", "version: 1\ntopic_id: AAAAAAAAAAAAAAAAAAAAAQ", "version: 0", "version: 0\ntopic_id: x"] {
            assert!(parse_partition_metadata(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn log_27_no_flipped_bit_makes_another_identity() {
        let meta = MetaProperties { cluster_id: "abc".into(), node_id: 3, directory_id: Some(TopicId::METADATA) };
        let (of_directory, of_partition) = (meta.print(), print_partition_metadata(TopicId::METADATA));
        let flipped = |text: &str, bit: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        };
        for bit in 0..of_directory.len() * 8 {
            // What is in the line of the checksum itself may make it another comment.
            let read = MetaProperties::parse(&flipped(&of_directory, bit));
            assert!(read.is_err() || read == Ok(meta.clone()), "bit {bit}");
        }
        for bit in 0..of_partition.len() * 8 {
            let read = parse_partition_metadata(&flipped(&of_partition, bit));
            assert!(read.is_err() || read == Ok(TopicId::METADATA), "bit {bit}: {read:?}");
        }
    }
}
