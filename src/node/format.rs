//! Whose directories these are: `meta.properties` is made on a first start and must agree ever after.
use crate::{
    log::{LogDir, LogDirError, MetaProperties},
    platform::Chance,
    types::{NodeId, TopicId},
};
use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

/// The directories belong to something else.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error(
        "{} belongs to cluster {found}, this broker to {expected}. Choose another directory with --override log.dirs=DIR, or remove cluster.id from the settings to use what is there", path.display()
    )]
    Cluster { path: PathBuf, found: String, expected: String },
    #[error(
        "{} belongs to node {found}, this broker is node {expected}. Set node.id={found}, or choose another directory with --override log.dirs=DIR", path.display()
    )]
    Node { path: PathBuf, found: i32, expected: NodeId },
    #[error(
        "{} holds partitions and has no meta.properties, which says whose they are. Put the file back (another log directory's will do, without its line directory.id; or three lines: version=1, cluster.id=CLUSTER, node.id=NODE), or choose another directory with --override log.dirs=DIR", path.display()
    )]
    Nameless { path: PathBuf },
    #[error(
        "the metadata log is looked for in {}, which is empty, but {} belongs to cluster {cluster} already. If its disk is not mounted, mount it; a new directory goes to the end of log.dirs, or metadata.log.dir names the one that has __cluster_metadata-0", path.display(), known.display()
    )]
    EmptyMetadataDirectory { path: PathBuf, known: PathBuf, cluster: String },
    #[error(
        "the metadata log is looked for in {} and is in {}. Set metadata.log.dir={}", path.display(), found.display(), found.display()
    )]
    MetadataElsewhere { path: PathBuf, found: PathBuf },
    #[error(
        "the metadata log, __cluster_metadata-0, is missing in {}, and {} holds partitions that only it tells of. Put it back from where it went or from a backup; with a new one these partitions would belong to no topic: to give them up, move their directories away", path.display(), partitions.display()
    )]
    MetadataLost { path: PathBuf, partitions: PathBuf },
    #[error(
        "{} is empty, and a log directory that this broker had, of id {lost}, is nowhere: what it holds would begin anew. If its disk is not mounted, mount it. To go on without what it held, write a file meta.properties into the empty one, of three lines: version=1, cluster.id={cluster}, node.id={node}", path.display()
    )]
    DirectoryAway { path: PathBuf, lost: TopicId, cluster: String, node: NodeId },
    #[error(
        "{} and {} have one id: their meta.properties are copies of each other. Take the line directory.id, and the checksum, out of the one that was copied", path.display(), other.display()
    )]
    SameId { path: PathBuf, other: PathBuf },
    #[error(transparent)]
    Directory(#[from] LogDirError),
}

/// What is not what it was is refused before anything is made in its place: a new metadata log would know none of the partitions.
fn check_metadata_directory(directories: &[Arc<LogDir>], metadata: &LogDir) -> Result<(), FormatError> {
    for directory in directories {
        if directory.meta_properties().is_none() && directory.holds_partitions()? {
            return Err(FormatError::Nameless { path: directory.path().to_owned() });
        }
    }
    if metadata.holds_metadata_log() {
        return Ok(());
    }
    let path = metadata.path().to_owned();
    if let Some(found) = directories.iter().find(|directory| directory.holds_metadata_log()) {
        return Err(FormatError::MetadataElsewhere { path, found: found.path().to_owned() });
    }
    let known = directories.iter().find_map(|directory| Some((directory.path(), directory.meta_properties()?)));
    match known.filter(|_| metadata.meta_properties().is_none()) {
        Some((known, meta)) => {
            Err(FormatError::EmptyMetadataDirectory { path, known: known.to_owned(), cluster: meta.cluster_id.clone() })
        }
        None => Ok(()),
    }
}

/// A metadata log that was made just now knows of no partition: there may be none.
pub fn check_new_metadata_log(directories: &[Arc<LogDir>], metadata: &LogDir) -> Result<(), FormatError> {
    for directory in directories {
        if directory.holds_partitions()? {
            let (path, partitions) = (metadata.path().to_owned(), directory.path().to_owned());
            return Err(FormatError::MetadataLost { path, partitions });
        }
    }
    Ok(())
}

/// Whose the directories are.
#[derive(Clone, Default)]
pub struct Identity {
    pub cluster_id: String,
    /// The directories' own, in their order.
    pub directory_ids: Vec<TopicId>,
    /// By their places, those that nothing was in.
    pub empty: Vec<usize>,
}

impl Identity {
    /// `before`: the ids of all directories that this broker ever had. Where one of them is away, and is none of those that are `offline`,
    /// an empty one may be the place that its disk is not mounted on.
    pub fn check_none_away(
        &self,
        directories: &[Arc<LogDir>],
        node: NodeId,
        before: &BTreeSet<TopicId>,
        offline: usize,
    ) -> Result<(), FormatError> {
        let mut lost = before.iter().filter(|id| !self.directory_ids.contains(id));
        match (lost.nth(offline), self.empty.first()) {
            (Some(lost), Some(place)) => Err(FormatError::DirectoryAway {
                path: directories[*place].path().to_owned(),
                lost: *lost,
                cluster: self.cluster_id.clone(),
                node,
            }),
            _ => Ok(()),
        }
    }

    /// Says in each directory whose it is, where it does not say so yet in this broker's words. In that of the metadata log first:
    /// without it the others would seem to have lost it.
    pub fn write(&self, directories: &[Arc<LogDir>], metadata: &LogDir, node: NodeId) -> Result<(), FormatError> {
        let mut all: Vec<_> = directories.iter().zip(&self.directory_ids).collect();
        all.sort_by_key(|(directory, _)| directory.path() != metadata.path());
        for (directory, id) in all {
            if !directory.is_marked_as_ours() {
                let (cluster_id, directory_id) = (self.cluster_id.clone(), Some(*id));
                directory.write_meta_properties(&MetaProperties { cluster_id, node_id: node.0, directory_id })?;
            }
        }
        Ok(())
    }
}

/// Checks every directory; gives the cluster's id and the directories' own, which empty ones get now.
pub fn identify(
    directories: &[Arc<LogDir>],
    metadata: &LogDir,
    node: NodeId,
    wanted: Option<&str>,
    chance: &dyn Chance,
) -> Result<Identity, FormatError> {
    check_metadata_directory(directories, metadata)?;
    let known = directories.iter().find_map(|directory| directory.meta_properties());
    let cluster = match (wanted, known) {
        (Some(wanted), _) => wanted.to_owned(),
        (None, Some(meta)) => meta.cluster_id.clone(),
        (None, None) => fresh_id(chance).to_string(),
    };
    let (mut ids, mut empty) = (Vec::with_capacity(directories.len()), Vec::new());
    for (place, directory) in directories.iter().enumerate() {
        let path = || directory.path().to_owned();
        if let Some(meta) = directory.meta_properties() {
            if meta.cluster_id != cluster {
                return Err(FormatError::Cluster { path: path(), found: meta.cluster_id.clone(), expected: cluster });
            }
            if meta.node_id != node.0 {
                return Err(FormatError::Node { path: path(), found: meta.node_id, expected: node });
            }
            let id = meta.directory_id.unwrap_or_else(|| fresh_id(chance));
            if let Some(other) = ids.iter().position(|known| *known == id) {
                return Err(FormatError::SameId { path: path(), other: directories[other].path().to_owned() });
            }
            ids.push(id);
        } else {
            ids.push(fresh_id(chance));
            empty.push(place);
        }
    }
    Ok(Identity { cluster_id: cluster, directory_ids: ids, empty })
}

/// Random, printed without a leading dash, which tools would take for an option.
fn fresh_id(chance: &dyn Chance) -> TopicId {
    loop {
        let id = TopicId(chance.uuid());
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}
