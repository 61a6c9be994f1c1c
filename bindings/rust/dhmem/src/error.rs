use std::ffi::CStr;
use std::fmt;
use std::os::raw::c_int;

use dhmem_sys as sys;

/// What kind of failure an [`Error`] is. The codes are the same in all languages.
///
/// ```
/// use dhmem::{Code, Mode, Region};
///
/// let error = Region::options().mode(Mode::Open).open("nobody-made-this").unwrap_err();
/// assert_eq!(error.code(), Code::NotFound);
/// assert_eq!(error.code().name(), "DHMEM_NOT_FOUND");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// There is a region of this name already.
    Exists,
    /// There is no such region, object or key.
    NotFound,
    /// The region's file or its folder does not allow it.
    Permission,
    /// The file system is full, or this process has no memory left.
    NoSpace,
    /// The region is full.
    RegionFull,
    /// The file is not a region.
    Format,
    /// The region was made by another version of dhmem.
    Version,
    /// What exists has another type than was asked for.
    TypeMismatch,
    /// A token is no token of this region, or what it referred to is gone.
    BadHandle,
    /// An argument can't be right.
    BadArgument,
    /// A block is free already.
    DoubleFree,
    /// Another participant is the producer or the consumer already.
    EndpointTaken,
    /// The stream was ended before.
    QueueEnded,
    /// The other side has left or died without ending the stream.
    PeerGone,
    /// A message does not fit the region.
    MessageTooLarge,
    /// A wait took too long.
    Timeout,
    /// This participant has left the region.
    Closed,
    /// The region is open read-only here.
    ReadOnly,
    /// Another program has truncated the region's file.
    Truncated,
    /// The region has values in it that can't be right.
    Corrupt,
    /// The region has as many participants as it can have.
    TooManyParticipants,
    /// This machine or this file system can't do it.
    Unsupported,
}

/// In the order of the codes in C, from -1 downwards.
const CODES: [(Code, &str); 22] = [
    (Code::Exists, "DHMEM_EXISTS"),
    (Code::NotFound, "DHMEM_NOT_FOUND"),
    (Code::Permission, "DHMEM_PERMISSION"),
    (Code::NoSpace, "DHMEM_NO_SPACE"),
    (Code::RegionFull, "DHMEM_REGION_FULL"),
    (Code::Format, "DHMEM_FORMAT"),
    (Code::Version, "DHMEM_VERSION"),
    (Code::TypeMismatch, "DHMEM_TYPE_MISMATCH"),
    (Code::BadHandle, "DHMEM_BAD_HANDLE"),
    (Code::BadArgument, "DHMEM_BAD_ARGUMENT"),
    (Code::DoubleFree, "DHMEM_DOUBLE_FREE"),
    (Code::EndpointTaken, "DHMEM_ENDPOINT_TAKEN"),
    (Code::QueueEnded, "DHMEM_QUEUE_ENDED"),
    (Code::PeerGone, "DHMEM_PEER_GONE"),
    (Code::MessageTooLarge, "DHMEM_MESSAGE_TOO_LARGE"),
    (Code::Timeout, "DHMEM_TIMEOUT"),
    (Code::Closed, "DHMEM_CLOSED"),
    (Code::ReadOnly, "DHMEM_READ_ONLY"),
    (Code::Truncated, "DHMEM_TRUNCATED"),
    (Code::Corrupt, "DHMEM_CORRUPT"),
    (Code::TooManyParticipants, "DHMEM_TOO_MANY_PARTICIPANTS"),
    (Code::Unsupported, "DHMEM_UNSUPPORTED"),
];

impl Code {
    /// The code as the library for TypeScript has it, such as `"DHMEM_TIMEOUT"`.
    pub fn name(self) -> &'static str {
        CODES[self as usize].1
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What went wrong. Its text says what happened, to what, and what to do; [`Error::code`] is for programs.
///
/// ```
/// use dhmem::{Code, Region};
/// use std::time::Duration;
///
/// let region = Region::temporary()?;
/// let steps = region.queue("steps").consumer()?;
/// let error = steps.receive_timeout(Duration::from_millis(1)).unwrap_err();
/// assert_eq!(error.code(), Code::Timeout);
/// assert!(error.to_string().starts_with("Waited 1 ms for a message from queue steps; "));
/// # Ok::<(), dhmem::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    code: Code,
    text: Box<str>,
}

impl Error {
    /// The kind of failure.
    pub fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn new(code: Code, text: impl Into<String>) -> Error {
        Error { code, text: text.into().into() }
    }

    pub(crate) fn bad_argument(text: impl Into<String>) -> Error {
        Error::new(Code::BadArgument, text)
    }

    /// The failure of the last call of the library in this thread, which returned `code`.
    #[cold]
    pub(crate) fn last(code: c_int) -> Error {
        let index = usize::try_from(-1 - code).unwrap_or(usize::MAX);
        let code = CODES.get(index).map_or(Code::Unsupported, |entry| entry.0);
        // SAFETY: The library returns a text that ends with a zero, which stays until this thread's next call.
        let text = unsafe { CStr::from_ptr(sys::dhmem_error()) };
        Error { code, text: text.to_string_lossy().into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.text)
    }
}

impl std::error::Error for Error {}
