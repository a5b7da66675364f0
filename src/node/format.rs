//! Whose directories these are: `meta.properties` is made on a first start and must agree ever after.
use crate::{
    log::{LogDir, LogDirError, MetaProperties},
    platform::Chance,
    types::{NodeId, TopicId},
};
use std::{path::PathBuf, sync::Arc};

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
    #[error(transparent)]
    Directory(#[from] LogDirError),
}

/// Checks every directory and formats the empty ones; gives the cluster's id and the directories' own.
pub fn identify(
    directories: &[Arc<LogDir>],
    node: NodeId,
    wanted: Option<&str>,
    chance: &dyn Chance,
) -> Result<(String, Vec<TopicId>), FormatError> {
    let known = directories.iter().find_map(|directory| directory.meta_properties());
    let cluster = match (wanted, known) {
        (Some(wanted), _) => wanted.to_owned(),
        (None, Some(meta)) => meta.cluster_id.clone(),
        (None, None) => fresh_id(chance).to_string(),
    };
    let mut ids = Vec::with_capacity(directories.len());
    for directory in directories {
        let path = || directory.path().to_owned();
        if let Some(meta) = directory.meta_properties() {
            if meta.cluster_id != cluster {
                return Err(FormatError::Cluster { path: path(), found: meta.cluster_id.clone(), expected: cluster });
            }
            if meta.node_id != node.0 {
                return Err(FormatError::Node { path: path(), found: meta.node_id, expected: node });
            }
            ids.push(meta.directory_id);
            continue;
        }
        let meta = MetaProperties { cluster_id: cluster.clone(), node_id: node.0, directory_id: fresh_id(chance) };
        directory.write_meta_properties(&meta)?;
        ids.push(meta.directory_id);
    }
    Ok((cluster, ids))
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
