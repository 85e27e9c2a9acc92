//! What a power cut may leave of recorded operations.
//!
//! The model is weaker than any file system in use, after ALICE (Pillai et al. 2014, All File Systems Are Not Created Equal,
//! section 3): what was written to a file since its last sync may be there, be lost, be torn in the middle, or be zeros of the
//! right length, each write for itself; what was done to the names in a folder since its last sync may be there or be lost,
//! each change for itself. A rename within a folder is one change. Syncing a file says nothing of its name.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::watch::Recorded;

/// A file or a folder, whatever its name.
#[derive(Debug, Clone)]
enum Node {
    File { safe: Vec<u8>, unsafe_changes: Vec<Change> },
    Folder { safe: BTreeMap<String, usize>, unsafe_changes: Vec<NameChange> },
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    SetLength(u64),
}

#[derive(Debug, Clone)]
enum NameChange {
    Is(String, usize),
    Gone(String),
    Renamed(String, String, usize),
}

/// What becomes of a change that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    There,
    Lost,
    Torn,
    Zeros,
}

/// A file system of which a part is safe.
#[derive(Debug, Clone)]
struct Disk {
    base: PathBuf,
    /// The first is the folder `base`.
    nodes: Vec<Node>,
}

/// States that were tried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tried {
    /// Moments: one before each operation, and one after the last.
    pub moments: usize,
    /// States that differ from one another, of all moments.
    pub states: usize,
    /// Moments with more possible states than were looked at.
    pub sampled: usize,
}

/// What is tried of all that may be left.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Every so many moments: 1 tries all of them.
    pub every: usize,
    /// States of a moment; of more, so many are drawn: that in which all is there, that in which all is lost, and others. 1 is
    /// what a killed process leaves, where the system lives on.
    pub most: u64,
}

/// Calls `check` with a folder that looks as `base` might after a power cut, for every moment and every state that is possible
/// then, or as many as `extent` says. `before` is a copy of `base` as it was, all of it safe. `check` also gets the number of
/// operations done.
///
/// # Errors
/// The system's, where a state cannot be laid out.
pub fn every_state(
    base: &Path,
    before: &Path,
    operations: &[Recorded],
    extent: Extent,
    mut check: impl FnMut(&Path, usize),
) -> io::Result<Tried> {
    let Extent { every, most } = extent;
    let scratch = before.with_file_name("crash-state");
    let mut disk = Disk::read(base, before)?;
    let mut tried = Tried::default();
    let mut seen = HashSet::new();
    let mut draw = 0u64;
    for done in 0..=operations.len() {
        if let Some(operation) = done.checked_sub(1).and_then(|last| operations.get(last)) {
            disk.apply(operation);
        }
        if done % every != 0 {
            continue;
        }
        tried.moments += 1;
        let choices = disk.choices();
        let possible = choices.iter().try_fold(1u64, |product, fates| product.checked_mul(fates.len() as u64));
        let is_all = possible.is_some_and(|possible| possible <= most);
        tried.sampled += usize::from(!is_all);
        for nth in 0..if is_all { possible.unwrap_or(0) } else { most } {
            let fates = if is_all { picked(&choices, nth) } else { drawn(&choices, nth, &mut draw) };
            let state = disk.after(&fates);
            // The same state a moment later may have to be another: more was promised by then.
            if seen.insert((done, hash(&state))) {
                tried.states += 1;
                lay_out(&scratch, &state)?;
                check(&scratch, done);
            }
        }
    }
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    Ok(tried)
}

/// A path within the state, with its bytes; a folder has none.
type State = Vec<(PathBuf, Option<Vec<u8>>)>;

fn hash(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

fn lay_out(folder: &Path, state: &State) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir(folder)?;
    for (path, bytes) in state {
        match bytes {
            Some(bytes) => fs::write(folder.join(path), bytes)?,
            None => fs::create_dir(folder.join(path))?,
        }
    }
    Ok(())
}

/// The nth of all combinations.
fn picked(choices: &[&[Fate]], mut nth: u64) -> Vec<Fate> {
    let one = |fates: &&[Fate]| {
        let fate = fates[(nth % fates.len() as u64) as usize];
        nth /= fates.len() as u64;
        fate
    };
    choices.iter().map(one).collect()
}

/// Some combination; the first two are all and nothing.
fn drawn(choices: &[&[Fate]], nth: u64, state: &mut u64) -> Vec<Fate> {
    let one = |fates: &&[Fate]| match nth {
        0 => Fate::There,
        1 => Fate::Lost,
        _ => {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            fates[(*state >> 33) as usize % fates.len()]
        }
    };
    choices.iter().map(one).collect()
}

impl Disk {
    /// All that is in `folder`, safe, as if it were at `base`.
    fn read(base: &Path, folder: &Path) -> io::Result<Self> {
        let mut disk = Self { base: base.into(), nodes: Vec::new() };
        disk.read_folder(folder)?;
        Ok(disk)
    }

    fn read_folder(&mut self, folder: &Path) -> io::Result<usize> {
        let at = self.nodes.len();
        self.nodes.push(Node::Folder { safe: BTreeMap::new(), unsafe_changes: Vec::new() });
        let mut names = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let node = if entry.file_type()?.is_dir() {
                self.read_folder(&entry.path())?
            } else {
                self.nodes.push(Node::File { safe: fs::read(entry.path())?, unsafe_changes: Vec::new() });
                self.nodes.len() - 1
            };
            names.insert(entry.file_name().to_string_lossy().into_owned(), node);
        }
        self.nodes[at] = Node::Folder { safe: names, unsafe_changes: Vec::new() };
        Ok(at)
    }

    /// The names in a folder as the running program sees them.
    fn names(&self, folder: usize) -> BTreeMap<String, usize> {
        let Node::Folder { safe, unsafe_changes } = &self.nodes[folder] else { return BTreeMap::new() };
        let mut names = safe.clone();
        unsafe_changes.iter().for_each(|change| change.apply(&mut names));
        names
    }

    /// The folder of a path and its name in it; none for what lies outside of `base`.
    fn place(&self, path: &Path) -> Option<(usize, String)> {
        let inside = path.strip_prefix(&self.base).ok()?;
        let mut parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let name = parts.pop()?;
        let folder = parts.iter().try_fold(0, |folder, part| self.names(folder).get(part).copied())?;
        Some((folder, name))
    }

    fn node(&self, path: &Path) -> Option<usize> {
        if path == self.base {
            return Some(0);
        }
        let (folder, name) = self.place(path)?;
        self.names(folder).get(&name).copied()
    }

    fn add(&mut self, path: &Path, node: Node) {
        let Some((folder, name)) = self.place(path) else { return };
        self.nodes.push(node);
        let at = self.nodes.len() - 1;
        self.change_names(folder, NameChange::Is(name, at));
    }

    fn change_names(&mut self, folder: usize, change: NameChange) {
        if let Node::Folder { unsafe_changes, .. } = &mut self.nodes[folder] {
            unsafe_changes.push(change);
        }
    }

    fn change_file(&mut self, path: &Path, change: Change) {
        let node = self.node(path);
        if let Some(Node::File { unsafe_changes, .. }) = node.and_then(|node| self.nodes.get_mut(node)) {
            unsafe_changes.push(change);
        }
    }

    fn apply(&mut self, operation: &Recorded) {
        match operation {
            Recorded::Create(path) if self.node(path).is_some() => self.change_file(path, Change::SetLength(0)),
            Recorded::Create(path) => self.add(path, Node::File { safe: Vec::new(), unsafe_changes: Vec::new() }),
            Recorded::CreateFolder(path) => {
                self.add(path, Node::Folder { safe: BTreeMap::new(), unsafe_changes: Vec::new() });
            }
            Recorded::Write(path, at, bytes) => self.change_file(path, Change::Write(*at, bytes.clone())),
            Recorded::SetLength(path, length) => self.change_file(path, Change::SetLength(*length)),
            Recorded::Sync(path) | Recorded::SyncFolder(path) => {
                if let Some(node) = self.node(path) {
                    self.nodes[node].sync();
                }
            }
            Recorded::Rename(from, to) => {
                let (Some((folder, name)), Some((other, new_name)), Some(node)) =
                    (self.place(from), self.place(to), self.node(from))
                else {
                    return;
                };
                if folder == other {
                    self.change_names(folder, NameChange::Renamed(name, new_name, node));
                } else {
                    self.change_names(folder, NameChange::Gone(name));
                    self.change_names(other, NameChange::Is(new_name, node));
                }
            }
            Recorded::Remove(path) | Recorded::RemoveFolder(path) => {
                if let Some((folder, name)) = self.place(path) {
                    self.change_names(folder, NameChange::Gone(name));
                }
            }
        }
    }

    /// For every change that is not safe, what may become of it, in the order of nodes.
    fn choices(&self) -> Vec<&'static [Fate]> {
        let mut choices: Vec<&'static [Fate]> = Vec::new();
        for node in &self.nodes {
            match node {
                Node::File { unsafe_changes, .. } => choices.extend(unsafe_changes.iter().map(|change| match change {
                    Change::Write(..) => &[Fate::There, Fate::Lost, Fate::Torn, Fate::Zeros][..],
                    Change::SetLength(_) => &[Fate::There, Fate::Lost][..],
                })),
                Node::Folder { unsafe_changes, .. } => {
                    choices.extend(unsafe_changes.iter().map(|_| &[Fate::There, Fate::Lost][..]));
                }
            }
        }
        choices
    }

    /// What is there when every change has met its fate.
    fn after(&self, fates: &[Fate]) -> State {
        let mut fates = fates.iter();
        let mut files = BTreeMap::new();
        let mut folders = BTreeMap::new();
        for (at, node) in self.nodes.iter().enumerate() {
            match node {
                Node::File { safe, unsafe_changes } => {
                    let mut bytes = safe.clone();
                    for (change, fate) in unsafe_changes.iter().zip(fates.by_ref()) {
                        change.apply(*fate, &mut bytes);
                    }
                    files.insert(at, bytes);
                }
                Node::Folder { safe, unsafe_changes } => {
                    let mut names = safe.clone();
                    for (change, fate) in unsafe_changes.iter().zip(fates.by_ref()) {
                        if *fate == Fate::There {
                            change.apply(&mut names);
                        }
                    }
                    folders.insert(at, names);
                }
            }
        }
        let mut state = Vec::new();
        list(0, Path::new(""), &files, &folders, &mut state);
        state
    }
}

/// A folder before what is in it.
fn list(
    folder: usize,
    path: &Path,
    files: &BTreeMap<usize, Vec<u8>>,
    folders: &BTreeMap<usize, BTreeMap<String, usize>>,
    state: &mut State,
) {
    for (name, node) in folders.get(&folder).into_iter().flatten() {
        let path = path.join(name);
        match files.get(node) {
            Some(bytes) => state.push((path, Some(bytes.clone()))),
            None => {
                state.push((path.clone(), None));
                list(*node, &path, files, folders, state);
            }
        }
    }
}

impl Node {
    fn sync(&mut self) {
        match self {
            Self::File { safe, unsafe_changes } => {
                unsafe_changes.drain(..).for_each(|change| change.apply(Fate::There, safe));
            }
            Self::Folder { safe, unsafe_changes } => {
                unsafe_changes.drain(..).for_each(|change| change.apply(safe));
            }
        }
    }
}

impl Change {
    fn apply(&self, fate: Fate, bytes: &mut Vec<u8>) {
        match (self, fate) {
            (_, Fate::Lost) => {}
            (Self::SetLength(length), _) => bytes.resize(usize::try_from(*length).unwrap_or(usize::MAX), 0),
            (Self::Write(at, written), fate) => {
                let at = usize::try_from(*at).unwrap_or(usize::MAX);
                let written = if fate == Fate::Torn { &written[..written.len() / 2] } else { written };
                if bytes.len() < at + written.len() {
                    bytes.resize(at + written.len(), 0);
                }
                if fate != Fate::Zeros {
                    bytes[at..at + written.len()].copy_from_slice(written);
                }
            }
        }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Is(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Gone(name) => drop(names.remove(name)),
            Self::Renamed(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{DiskFile, rename, sync_folder, write_synced, write_whole};
    use crate::watch::{Recording, watched};
    use std::io::Write;

    type Contents = Vec<(usize, Option<Vec<u8>>)>;

    /// Contents of `file` that a power cut may leave, by the number of operations done; `None` where it is not there.
    fn contents(write: impl FnOnce(&Path)) -> (Contents, Tried) {
        let folder = tempfile::tempdir().unwrap();
        let (base, before) = (folder.path().join("base"), folder.path().join("before"));
        for at in [&base, &before] {
            fs::create_dir(at).unwrap();
            fs::write(at.join("file"), b"old").unwrap();
        }
        let ((), recording) = watched(Recording::default(), || write(&base));
        let mut found = Vec::new();
        let tried =
            every_state(&base, &before, &recording.operations, Extent { every: 1, most: 200 }, |state, done| {
                found.push((done, fs::read(state.join("file")).ok()));
            });
        (found, tried.unwrap())
    }

    #[test]
    fn a_file_written_whole_is_old_or_new_and_new_when_it_is_said_to_be_written() {
        let (found, tried) = contents(|base| write_whole(&base.join("file"), b"newer").unwrap());
        for (done, content) in &found {
            let content = content.as_deref().expect("it is never gone");
            assert!(content == b"old" || content == b"newer", "{content:?}");
            assert!(*done < 5 || content == b"newer");
        }
        assert_eq!((tried.moments, tried.sampled), (6, 0));
        assert!(found.iter().any(|(done, content)| *done == 4 && content.as_deref() == Some(b"old")), "not synced yet");
    }

    #[test]
    fn the_model_finds_what_is_wrong_with_writing_in_place_and_with_a_rename_before_the_sync() {
        let wrong = |found: &Contents| {
            let is_whole = |content: &Option<Vec<u8>>| matches!(content.as_deref(), Some(b"old" | b"newer"));
            found.iter().filter(|(_, content)| !is_whole(content)).count()
        };
        let (in_place, _) = contents(|base| write_synced(&base.join("file"), b"newer").unwrap());
        assert!(wrong(&in_place) > 0);
        let (unsynced, _) = contents(|base| {
            DiskFile::create(&base.join("new")).unwrap().write_all(b"newer").unwrap();
            rename(&base.join("new"), &base.join("file")).unwrap();
            sync_folder(base).unwrap();
        });
        assert!(wrong(&unsynced) > 0);
    }

    #[test]
    fn many_states_are_drawn_and_all_and_nothing_are_among_them() {
        let (found, tried) = contents(|base| {
            let mut file = DiskFile::create(&base.join("file")).unwrap();
            (0..20).for_each(|_| file.write_all(b"ab").unwrap());
        });
        assert!(tried.sampled > 0 && tried.states > 1000, "{tried:?}");
        let last: Vec<&[u8]> =
            found.iter().filter(|(done, _)| *done == 21).filter_map(|(_, at)| at.as_deref()).collect();
        assert!(last.contains(&&b"ab".repeat(20)[..]) && last.contains(&&b"old"[..]));
    }
}
