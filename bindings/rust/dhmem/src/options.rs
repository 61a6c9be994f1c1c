use std::ffi::{CStr, OsStr};
use std::os::raw::c_int;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use dhmem_sys as sys;

use crate::opening::{checked, path, text, Opening};
use crate::{Error, Region};

/// How [`Options::open`] opens a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// Opens it, or creates it. This is the default.
    OpenOrCreate,
    /// It must be new, or opening is [`Code::Exists`](crate::Code::Exists).
    Create,
    /// It must exist, or opening is [`Code::NotFound`](crate::Code::NotFound).
    Open,
    /// A new one replaces one that exists. The participants of that one keep it.
    ForceCreate,
    /// It must exist. This opening is no participant, needs no permission to write, and changes nothing: structures,
    /// arrays, vectors, maps and tokens can be read, as others change them. Everything else is
    /// [`Code::ReadOnly`](crate::Code::ReadOnly). What is set through a [`Live`](crate::Live) reaches nobody, and this
    /// opening then sees no more changes of the same page.
    ReadOnly,
}

/// How long a region exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lifetime {
    /// Until it is unlinked. This is the default.
    Persistent,
    /// Until its last participant has left or died.
    LastClose,
}

/// How to open a region: [`Region::options`].
///
/// ```
/// use dhmem::{Lifetime, Mode, Region};
///
/// # let name = &format!("options-{}", std::process::id());
/// let region = Region::options()
///     .mode(Mode::Create)
///     .size(64 << 20)
///     .lifetime(Lifetime::LastClose)
///     .label("writer")
///     .open(name)?;
/// assert_eq!(region.size(), 64 << 20);
/// # Ok::<(), dhmem::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    mode: Mode,
    size: u64,
    permissions: u32,
    lifetime: Lifetime,
    directory: Option<PathBuf>,
    label: Option<String>,
    trust: Option<String>,
}

impl Options {
    pub(crate) fn new() -> Options {
        Options {
            mode: Mode::OpenOrCreate,
            size: 0,
            permissions: 0,
            lifetime: Lifetime::Persistent,
            directory: None,
            label: None,
            trust: None,
        }
    }

    /// Whether the region must exist, must be new, or is only read.
    pub fn mode(mut self, mode: Mode) -> Options {
        self.mode = mode;
        self
    }

    /// Bytes that the region may grow to, 64 KiB to 4 GiB: address space, not memory. The default is 4 GiB.
    pub fn size(mut self, bytes: u64) -> Options {
        self.size = bytes;
        self
    }

    /// The file's mode when it is created, regardless of the umask. The default is `0o600`. Who may write to the file is
    /// trusted: see [trust](crate#trust).
    pub fn permissions(mut self, mode: u32) -> Options {
        self.permissions = mode;
        self
    }

    /// How long the region exists.
    pub fn lifetime(mut self, lifetime: Lifetime) -> Options {
        self.lifetime = lifetime;
        self
    }

    /// The folder of the region's file. The default is `$DHMEM_DIR`, else `/dev/shm`.
    pub fn directory(mut self, folder: impl Into<PathBuf>) -> Options {
        self.directory = Some(folder.into());
        self
    }

    /// This participant's name for others. The default is `$DHMEM_TASK`, else the host's name and the process id.
    pub fn label(mut self, label: impl Into<String>) -> Options {
        self.label = Some(label.into());
        self
    }

    /// The owners whose regions are accepted in a folder where anyone can create files, such as `/dev/shm`: `"owner"`
    /// (this user and root), `"any"`, or also users and groups by their numbers, as in `"1001,12000"`. The default is
    /// `$DHMEM_TRUST`, else `"owner"`.
    pub fn trust(mut self, owners: impl Into<String>) -> Options {
        self.trust = Some(owners.into());
        self
    }

    /// Opens the region of this name: 1 to 200 of `A-Z a-z 0-9 . _ -`, the first of them not a dot. A name with a slash
    /// is the path of its file.
    ///
    /// # Errors
    ///
    /// [`Exists`](crate::Code::Exists), [`NotFound`](crate::Code::NotFound), [`Permission`](crate::Code::Permission),
    /// [`NoSpace`](crate::Code::NoSpace), [`Format`](crate::Code::Format), [`Version`](crate::Code::Version),
    /// [`TypeMismatch`](crate::Code::TypeMismatch) for a smaller region than `size`, [`BadArgument`](crate::Code::BadArgument),
    /// [`TooManyParticipants`](crate::Code::TooManyParticipants).
    pub fn open(&self, name: &str) -> Result<Region, Error> {
        let name = text("The region's name", name)?;
        let mut raw = ptr::null_mut();
        // SAFETY: All texts end with a zero and outlive the call.
        self.with_raw(|options| unsafe { sys::dhmem_open(name.as_ptr(), options, &mut raw) })?;
        let raw = NonNull::new(raw).expect("the library has opened it");
        // SAFETY: The path belongs to the region, which is open.
        let path = unsafe { CStr::from_ptr(sys::dhmem_path(raw.as_ptr())) };
        let path = PathBuf::from(OsStr::from_bytes(path.to_bytes()));
        // SAFETY: It was just opened, and nothing else has it.
        Ok(Region { opening: Arc::new(unsafe { Opening::new(raw, path) }) })
    }

    /// Removes the file of this name, whomever it belongs to. Participants that have the region open keep it. Of these options,
    /// the folder counts, and the trust: this does not wait for those who are just joining a stranger's region.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::Code::NotFound), [`Permission`](crate::Code::Permission).
    pub fn unlink(&self, name: &str) -> Result<(), Error> {
        let name = text("The region's name", name)?;
        // SAFETY: All texts end with a zero and outlive the call.
        self.with_raw(|options| unsafe { sys::dhmem_unlink(name.as_ptr(), options) })
    }

    fn with_raw(&self, call: impl FnOnce(&sys::dhmem_options) -> c_int) -> Result<(), Error> {
        let directory = self.directory.as_deref().map(path).transpose()?;
        let label = self.label.as_ref().map(|label| text("The label", label)).transpose()?;
        let trust = self.trust.as_ref().map(|trust| text("The option trust", trust)).transpose()?;
        let pointer =
            |text: &Option<std::ffi::CString>| text.as_ref().map_or(ptr::null(), |text| text.as_ptr());
        let raw = sys::dhmem_options {
            mode: match self.mode {
                Mode::OpenOrCreate => sys::DHMEM_OPEN_OR_CREATE,
                Mode::Create => sys::DHMEM_CREATE,
                Mode::Open => sys::DHMEM_OPEN,
                Mode::ForceCreate => sys::DHMEM_FORCE_CREATE,
                Mode::ReadOnly => sys::DHMEM_OPEN_READ_ONLY,
            },
            size: self.size,
            permissions: self.permissions,
            lifetime: match self.lifetime {
                Lifetime::Persistent => sys::DHMEM_PERSISTENT,
                Lifetime::LastClose => sys::DHMEM_LAST_CLOSE,
            },
            directory: pointer(&directory),
            label: pointer(&label),
            trust: pointer(&trust),
        };
        checked(call(&raw)).map(|_| ())
    }
}
