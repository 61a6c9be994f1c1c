use std::fmt;
use std::mem;
use std::os::raw::c_void;
use std::ptr;
use std::slice;
use std::sync::Arc;

use dhmem_sys as sys;

use crate::opening::Opening;
use crate::{Error, Live, Number, Record, Region};

/// Memory in a region that this participant owns, aligned to 64 bytes: to fill, and to hand over with a message without
/// copying it. It is freed when it is dropped.
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let fields = region.queue("fields").producer()?;
/// let mut block = region.allocate(8_000_000)?;
/// block.as_mut_slice::<f64>()?.fill(0.5);
/// fields.send_block("field 1", block)?;
///
/// let consumer = region.queue("fields").consumer()?;
/// let message = consumer.receive()?.expect("a message");
/// let field = message.block().expect("its block").as_slice::<f64>()?;
/// assert_eq!(field.iter().sum::<f64>(), 500_000.0);
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Block {
    /// `data` is null when it is not this one's to free any more.
    pub(crate) raw: sys::dhmem_block,
    pub(crate) opening: Arc<Opening>,
}

// SAFETY: Its memory stays mapped as long as it has the opening, and only its owner or shared references reach it.
unsafe impl Send for Block {}
// SAFETY: As above; through a shared reference it is only read, or accessed atomically.
unsafe impl Sync for Block {}

impl Region {
    /// Allocates a block of so many bytes, at least 1. It contains old bytes.
    ///
    /// # Errors
    ///
    /// [`RegionFull`](crate::Code::RegionFull), [`NoSpace`](crate::Code::NoSpace),
    /// [`BadArgument`](crate::Code::BadArgument), [`ReadOnly`](crate::Code::ReadOnly).
    pub fn allocate(&self, bytes: usize) -> Result<Block, Error> {
        let mut raw = NOTHING;
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_allocate(region, bytes, &mut raw) })?;
        Ok(Block { raw, opening: Arc::clone(&self.opening) })
    }
}

pub(crate) const NOTHING: sys::dhmem_block = sys::dhmem_block { data: ptr::null_mut(), length: 0, at: 0 };

impl Block {
    /// A block that came with a message. Set its `data` to null if it is not to be freed.
    pub(crate) fn received(raw: sys::dhmem_block, opening: &Arc<Opening>) -> Block {
        Block { raw, opening: Arc::clone(opening) }
    }

    /// Bytes.
    #[allow(clippy::len_without_is_empty)] // It has at least one.
    pub fn len(&self) -> usize {
        self.raw.length
    }

    /// Its bytes.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if it has [clones](Block::try_clone), whose owners may write meanwhile:
    /// use [`Block::live`] or [`Block::to_vec`].
    pub fn bytes(&self) -> Result<&[u8], Error> {
        self.as_slice()
    }

    /// Its bytes, to write.
    ///
    /// # Errors
    ///
    /// As [`Block::bytes`].
    pub fn bytes_mut(&mut self) -> Result<&mut [u8], Error> {
        self.as_mut_slice()
    }

    /// Its contents as numbers or records.
    ///
    /// # Errors
    ///
    /// As [`Block::bytes`]; and [`BadArgument`](crate::Code::BadArgument) if its length is no multiple of theirs.
    pub fn as_slice<T: Record>(&self) -> Result<&[T], Error> {
        self.check_alone()?;
        let length = count::<T>(self.len(), "block")?;
        // SAFETY: The memory is this block's alone and stays while it is borrowed; any bytes are a T.
        Ok(unsafe { slice::from_raw_parts(self.raw.data.cast(), length) })
    }

    /// Its contents as numbers or records, to write.
    ///
    /// # Errors
    ///
    /// As [`Block::as_slice`].
    pub fn as_mut_slice<T: Number>(&mut self) -> Result<&mut [T], Error> {
        self.check_alone()?;
        let length = count::<T>(self.len(), "block")?;
        // SAFETY: As in as_slice(); and numbers have no padding, which would leave bytes without a value.
        Ok(unsafe { slice::from_raw_parts_mut(self.raw.data.cast(), length) })
    }

    /// Its contents as numbers that others may change meanwhile: for a block with clones.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if its length is no multiple of the number's.
    pub fn live<T: Number>(&self) -> Result<&[Live<T>], Error> {
        let length = count::<T>(self.len(), "block")?;
        // SAFETY: The memory stays while the block is borrowed, and is aligned; every access is atomic.
        Ok(unsafe { slice::from_raw_parts(self.raw.data.cast(), length) })
    }

    /// A copy of its bytes, also if it has clones.
    pub fn to_vec(&self) -> Vec<u8> {
        // SAFETY: The memory stays while the block is borrowed.
        unsafe { copy_of(self.raw.data, self.len()) }
    }

    /// Another reference to the same memory, which can be sent and is dropped like a block. The memory is freed with its
    /// last reference; it has at most 960.
    ///
    /// # Errors
    ///
    /// [`RegionFull`](crate::Code::RegionFull), [`NoSpace`](crate::Code::NoSpace).
    pub fn try_clone(&mut self) -> Result<Block, Error> {
        let mut raw = NOTHING;
        let own = &mut self.raw;
        // SAFETY: The region is open, and the block is this participant's.
        self.opening.call(|region| unsafe { sys::dhmem_clone(region, own, &mut raw) })?;
        Ok(Block { raw, opening: Arc::clone(&self.opening) })
    }

    fn check_alone(&self) -> Result<(), Error> {
        if !self.opening.is_shared(&self.raw) {
            return Ok(());
        }
        let text = "This block has clones, whose owners may write to it; read it by live() or to_vec()";
        Err(Error::bad_argument(text))
    }
}

/// How many values of a type so many bytes are.
pub(crate) fn count<T: Record>(bytes: usize, what: &str) -> Result<usize, Error> {
    let each = mem::size_of::<T>();
    if bytes % each == 0 {
        return Ok(bytes / each);
    }
    Err(Error::bad_argument(format!(
        "The {} has {} bytes, which is no multiple of the {} of {}; read it as what it is",
        what,
        bytes,
        each,
        T::TYPE
    )))
}

impl Drop for Block {
    fn drop(&mut self) {
        if !self.raw.data.is_null() {
            let raw: *mut sys::dhmem_block = &mut self.raw;
            // SAFETY: The region is open, and the block is this participant's. If it can't be freed, the region can't be
            // used any more.
            self.opening.code(|region| unsafe { sys::dhmem_free(region, raw) });
        }
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("len", &self.len()).finish()
    }
}

/// A block that was not sent, and why: it still belongs to the sender. `?` makes it an [`Error`] and frees the block.
#[derive(Debug)]
pub struct Unsent {
    /// Why it was not sent.
    pub error: Error,
    /// The block.
    pub block: Block,
}

impl From<Unsent> for Error {
    fn from(unsent: Unsent) -> Error {
        unsent.error
    }
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for Unsent {}

/// A copy of bytes that others may change meanwhile.
///
/// # Safety
///
/// The memory is there, and aligned to 8.
pub(crate) unsafe fn copy_of(data: *const c_void, length: usize) -> Vec<u8> {
    let words = length / mem::size_of::<u64>();
    // SAFETY: The caller says so; every access is atomic.
    let (words, rest): (&[Live<u64>], &[Live<u8>]) = unsafe {
        let rest = data.cast::<u8>().add(words * mem::size_of::<u64>());
        let rest = slice::from_raw_parts(rest.cast(), length % mem::size_of::<u64>());
        (slice::from_raw_parts(data.cast(), words), rest)
    };
    let mut copy = Vec::with_capacity(length);
    words.iter().for_each(|word| copy.extend_from_slice(&word.get().to_ne_bytes()));
    copy.extend(rest.iter().map(Live::get));
    copy
}

/// The address of a value that the library only reads.
pub(crate) fn address(bytes: &[u8]) -> *const c_void {
    bytes.as_ptr().cast()
}
