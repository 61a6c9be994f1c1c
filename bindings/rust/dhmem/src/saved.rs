use std::ffi::CString;
use std::fmt;

use dhmem_sys as sys;

use crate::block::{copy_of, NOTHING};
use crate::memory::with_token;
use crate::opening::text;
use crate::{Block, Error, Region};

/// What a token refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A [saved block](SavedBlock).
    Block,
    /// A [structure](crate::Structure).
    Structure,
    /// An [array](crate::Array).
    Array,
    /// A [vector](crate::Vector).
    Vector,
}

/// A block that belongs to the region, under a token: [`Region::save`], [`Region::load_block`]. It stays until it is freed,
/// which any participant can do at any time; so it is copied to be read.
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let mut block = region.allocate(5)?;
/// block.bytes_mut()?.copy_from_slice(b"hello");
/// let token = region.save(block)?;
/// // In any process, in any language:
/// let saved = region.load_block(&token)?;
/// assert_eq!(saved.to_vec()?, b"hello");
/// saved.free()?;
/// # Ok::<(), dhmem::Error>(())
/// ```
#[derive(Clone)]
pub struct SavedBlock {
    region: Region,
    token: CString,
    length: usize,
}

impl Region {
    /// Gives a block to the region, and returns a token: text under which any process finds it.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) for a block of another region, [`RegionFull`](crate::Code::RegionFull),
    /// [`NoSpace`](crate::Code::NoSpace). The block is freed then.
    pub fn save(&self, mut block: Block) -> Result<String, Error> {
        if !std::sync::Arc::ptr_eq(&block.opening, &self.opening) {
            return Err(Error::bad_argument(
                "The block is of another opening of a region; save it in that one",
            ));
        }
        let raw: *mut sys::dhmem_block = &mut block.raw;
        // SAFETY: The region is open, the block is this participant's, and there is room for a token.
        with_token(|token| self.opening.call(|region| unsafe { sys::dhmem_save(region, raw, token) }))
    }

    /// The block under a token.
    ///
    /// # Errors
    ///
    /// [`BadHandle`](crate::Code::BadHandle), [`TypeMismatch`](crate::Code::TypeMismatch).
    pub fn load_block(&self, token: &str) -> Result<SavedBlock, Error> {
        let token = text("The token", token)?;
        let length = self.look_up(&token)?.length;
        Ok(SavedBlock { region: self.clone(), token, length })
    }

    /// What a token refers to.
    ///
    /// # Errors
    ///
    /// [`BadHandle`](crate::Code::BadHandle).
    pub fn token_kind(&self, token: &str) -> Result<Kind, Error> {
        let token = text("The token", token)?;
        let mut kind = 0;
        // SAFETY: The region is open, and the token ends with a zero.
        self.opening.call(|region| unsafe { sys::dhmem_token_kind(region, token.as_ptr(), &mut kind) })?;
        match kind {
            sys::DHMEM_KIND_BLOCK => Ok(Kind::Block),
            sys::DHMEM_KIND_STRUCT => Ok(Kind::Structure),
            sys::DHMEM_KIND_ARRAY => Ok(Kind::Array),
            sys::DHMEM_KIND_VECTOR => Ok(Kind::Vector),
            _ => Err(Error::new(
                crate::Code::Corrupt,
                "The token refers to an object of a kind that has no tokens",
            )),
        }
    }

    fn look_up(&self, token: &CString) -> Result<sys::dhmem_block, Error> {
        let mut raw = NOTHING;
        // SAFETY: The region is open, and the token ends with a zero.
        self.opening.call(|region| unsafe { sys::dhmem_load(region, token.as_ptr(), &mut raw) })?;
        Ok(raw)
    }
}

impl SavedBlock {
    /// Bytes.
    #[allow(clippy::len_without_is_empty)] // It has at least one.
    pub fn len(&self) -> usize {
        self.length
    }

    /// A copy of its bytes.
    ///
    /// # Errors
    ///
    /// [`BadHandle`](crate::Code::BadHandle) if it was freed.
    pub fn to_vec(&self) -> Result<Vec<u8>, Error> {
        let raw = self.region.look_up(&self.token)?;
        // SAFETY: The memory is in the region, which is open, and aligned to 64.
        let copy = unsafe { copy_of(raw.data, raw.length) };
        // If it was freed meanwhile, the copy may be of something else.
        self.region.look_up(&self.token)?;
        Ok(copy)
    }

    /// Frees it.
    ///
    /// # Errors
    ///
    /// [`BadHandle`](crate::Code::BadHandle) if it was freed before, [`ReadOnly`](crate::Code::ReadOnly).
    pub fn free(self) -> Result<(), Error> {
        let token = self.token.as_ptr();
        // SAFETY: The region is open, and the token ends with a zero.
        self.region.opening.call(|region| unsafe { sys::dhmem_free_saved(region, token) }).map(|_| ())
    }
}

impl fmt::Debug for SavedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedBlock").field("token", &self.token).field("len", &self.length).finish()
    }
}
