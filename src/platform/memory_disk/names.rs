//! Directories: the names as they are seen, as they are on disk, and the changes between.
use crate::platform::Chance;
use std::{
    collections::BTreeMap,
    io,
    path::{Component, Path},
};

/// What a name stands for: the place of a directory, or of a file's content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum NodeId {
    Dir(usize),
    File(usize),
}

#[derive(Clone, Default)]
struct Dir {
    now: BTreeMap<String, NodeId>,
    durable: BTreeMap<String, NodeId>,
}

#[derive(Clone)]
enum Change {
    Link { dir: usize, name: String, node: NodeId },
    Unlink { dir: usize, name: String },
    Rename { from: (usize, String), to: (usize, String), node: NodeId },
}

impl Change {
    fn touches(&self, dir: usize) -> bool {
        match self {
            Change::Link { dir: of, .. } | Change::Unlink { dir: of, .. } => *of == dir,
            Change::Rename { from, to, .. } => from.0 == dir || to.0 == dir,
        }
    }

    /// The directory whose order of changes this one keeps.
    fn home(&self) -> usize {
        match self {
            Change::Link { dir, .. } | Change::Unlink { dir, .. } => *dir,
            Change::Rename { to, .. } => to.0,
        }
    }
}

/// All directories; the first is the root.
#[derive(Clone)]
pub(super) struct Names {
    dirs: Vec<Dir>,
    /// Changes since the last sync of their directory, oldest first.
    pending: Vec<Change>,
}

impl Default for Names {
    fn default() -> Names {
        Names { dirs: vec![Dir::default()], pending: Vec::new() }
    }
}

fn parts(path: &Path) -> io::Result<Vec<String>> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                parts.push(name.to_str().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?.to_owned());
            }
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(parts)
}

impl Names {
    pub fn find(&self, path: &Path) -> Option<NodeId> {
        let mut node = NodeId::Dir(0);
        for name in parts(path).ok()? {
            let NodeId::Dir(dir) = node else { return None };
            node = *self.dirs[dir].now.get(&name)?;
        }
        Some(node)
    }

    pub fn file(&self, path: &Path) -> io::Result<usize> {
        match self.find(path) {
            Some(NodeId::File(place)) => Ok(place),
            Some(NodeId::Dir(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn dir(&self, path: &Path) -> io::Result<usize> {
        match self.find(path) {
            Some(NodeId::Dir(place)) => Ok(place),
            Some(NodeId::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub fn is_dir(&self, path: &Path) -> bool {
        self.dir(path).is_ok()
    }

    /// The directory and the last part of a path.
    fn split(&self, path: &Path) -> io::Result<(usize, String)> {
        let name = parts(path)?.pop().ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok((self.dir(path.parent().unwrap_or(Path::new("")))?, name))
    }

    pub fn children(&self, path: &Path) -> io::Result<Vec<(String, NodeId)>> {
        Ok(self.dirs[self.dir(path)?].now.iter().map(|(name, node)| (name.clone(), *node)).collect())
    }

    /// The contents that have a name.
    pub fn files(&self) -> Vec<usize> {
        let mut files = Vec::new();
        let mut dirs = vec![0];
        while let Some(dir) = dirs.pop() {
            for node in self.dirs[dir].now.values() {
                match node {
                    NodeId::Dir(inner) => dirs.push(*inner),
                    NodeId::File(place) => files.push(*place),
                }
            }
        }
        files
    }

    pub fn link(&mut self, path: &Path, node: NodeId) -> io::Result<()> {
        let (dir, name) = self.split(path)?;
        self.change(Change::Link { dir, name, node });
        Ok(())
    }

    pub fn make_dirs(&mut self, path: &Path) -> io::Result<()> {
        let mut dir = 0;
        for name in parts(path)? {
            dir = match self.dirs[dir].now.get(&name) {
                Some(NodeId::Dir(inner)) => *inner,
                Some(NodeId::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    self.dirs.push(Dir::default());
                    let made = self.dirs.len() - 1;
                    self.change(Change::Link { dir, name, node: NodeId::Dir(made) });
                    made
                }
            };
        }
        Ok(())
    }

    pub fn unlink(&mut self, path: &Path) -> io::Result<()> {
        let (dir, name) = self.split(path)?;
        self.change(Change::Unlink { dir, name });
        Ok(())
    }

    /// Replaces a file of the new name; a directory of that name is in the way unless it is empty.
    pub fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.find(from).ok_or(io::Error::from(io::ErrorKind::NotFound))?;
        match (node, self.find(to)) {
            (NodeId::File(_), Some(NodeId::Dir(_))) => return Err(io::ErrorKind::IsADirectory.into()),
            (NodeId::Dir(_), Some(NodeId::File(_))) => return Err(io::ErrorKind::NotADirectory.into()),
            (NodeId::Dir(_), Some(NodeId::Dir(there))) if !self.dirs[there].now.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        let (from, to) = (self.split(from)?, self.split(to)?);
        self.change(Change::Rename { from, to, node });
        Ok(())
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.dirs, &change, |dir| &mut dir.now);
        self.pending.push(change);
    }

    /// Makes the directory's changes durable. With `ignore` it only says so.
    pub fn sync(&mut self, path: &Path, ignore: bool) -> io::Result<()> {
        let dir = self.dir(path)?;
        if ignore {
            return Ok(());
        }
        let (synced, rest) = std::mem::take(&mut self.pending).into_iter().partition(|change| change.touches(dir));
        self.pending = rest;
        for change in Vec::from_iter::<Vec<Change>>(synced) {
            apply(&mut self.dirs, &change, |dir| &mut dir.durable);
        }
        Ok(())
    }

    pub fn sync_all(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.dirs, &change, |dir| &mut dir.durable);
        }
    }

    /// The names after a crash; with chance, some directories have got some of their newest changes, in order or without those
    /// between.
    pub fn after_crash(&self, chance: Option<&dyn Chance>, in_order: bool) -> Names {
        let mut left = self.clone();
        if let Some(chance) = chance {
            let mut kept_by_dir: BTreeMap<usize, bool> = BTreeMap::new();
            for change in &self.pending {
                let kept = kept_by_dir.entry(change.home()).or_insert(true);
                *kept = (*kept || !in_order) && !chance.u64().is_multiple_of(4);
                if *kept {
                    apply(&mut left.dirs, change, |dir| &mut dir.durable);
                }
            }
        }
        left.pending.clear();
        for dir in &mut left.dirs {
            dir.now = dir.durable.clone();
        }
        left
    }
}

fn apply(dirs: &mut [Dir], change: &Change, side: impl Fn(&mut Dir) -> &mut BTreeMap<String, NodeId>) {
    match change {
        Change::Link { dir, name, node } => {
            side(&mut dirs[*dir]).insert(name.clone(), *node);
        }
        Change::Unlink { dir, name } => {
            side(&mut dirs[*dir]).remove(name);
        }
        Change::Rename { from, to, node } => {
            // In a crash image the old name may never have been there, or stand for another file by now.
            let names = side(&mut dirs[from.0]);
            if names.get(&from.1) == Some(node) {
                names.remove(&from.1);
            }
            side(&mut dirs[to.0]).insert(to.1.clone(), *node);
        }
    }
}
