use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;
use std::sync::Arc;

use dhmem_sys as sys;

use crate::opening::{text, Opening};
use crate::{Error, Lifetime, Mode, Options, Queue};

/// Memory that processes share: a file in `/dev/shm`, which all open by its name.
///
/// ```
/// use dhmem::Region;
///
/// # let name = &format!("climate-{}", std::process::id());
/// let region = Region::open(name)?;
/// let steps = region.queue("steps").producer()?;
/// steps.send("step 1")?;
/// # region.unlink()?;
/// # Ok::<(), dhmem::Error>(())
/// ```
///
/// It stays open as long as anything that was opened in it exists: an endpoint, a message, a block. Threads may share it,
/// and so everything that was opened in it; one calls the library at a time. Threads that are to work at the same time
/// open the region once each, by its name. A forked child can't use it, and opens it again.
#[derive(Clone)]
pub struct Region {
    pub(crate) opening: Arc<Opening>,
}

impl Region {
    /// Opens or creates the region of this name, as [`Options::open`] does with the defaults.
    ///
    /// # Errors
    ///
    /// Those of [`Options::open`].
    pub fn open(name: &str) -> Result<Region, Error> {
        Region::options().open(name)
    }

    /// Options for opening a region.
    pub fn options() -> Options {
        Options::new()
    }

    /// A new region with a unique name, which is gone when its last participant is: for tests and trials.
    ///
    /// # Errors
    ///
    /// Those of [`Options::open`].
    pub fn temporary() -> Result<Region, Error> {
        let number = RandomState::new().build_hasher().finish();
        let name = format!("temporary-{}-{number:016x}", std::process::id());
        Region::options().mode(Mode::Create).lifetime(Lifetime::LastClose).open(&name)
    }

    /// The path of its file.
    pub fn path(&self) -> &Path {
        &self.opening.path
    }

    /// How many bytes it may grow to.
    pub fn size(&self) -> u64 {
        self.opening.size
    }

    /// The queue of this name. Opening one of its ends creates it.
    pub fn queue<'r>(&'r self, name: &str) -> Queue<'r> {
        Queue::new(self, name)
    }

    /// Removes what has this name in the region, and tells whether there was something. Others who have it open keep it.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) while this region has it open, or has something open that was loaded by a
    /// token.
    pub fn remove(&self, name: &str) -> Result<bool, Error> {
        self.opening.remove(&text("The object's name", name)?)
    }

    /// Recovers from all participants that have died, and returns their number. This also happens by itself.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::Code::ReadOnly), and those of a region that can't be used any more.
    pub fn recover(&self) -> Result<u32, Error> {
        let mut count = 0;
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_recover(region, &mut count) })?;
        Ok(count)
    }

    /// Gives the pages of free memory back to the machine, and returns their bytes.
    ///
    /// # Errors
    ///
    /// [`ReadOnly`](crate::Code::ReadOnly), and those of a region that can't be used any more.
    pub fn trim(&self) -> Result<u64, Error> {
        let mut bytes = 0;
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_trim(region, &mut bytes) })?;
        Ok(bytes)
    }

    /// Tells whether a living participant has this label.
    ///
    /// # Errors
    ///
    /// Those of a region that can't be used any more.
    pub fn has_participant(&self, label: &str) -> Result<bool, Error> {
        let label = text("The label", label)?;
        let mut found = false;
        self.opening.call(|region| {
            // SAFETY: The region is open, and the text ends with a zero.
            unsafe { sys::dhmem_has_participant(region, label.as_ptr(), &mut found) }
        })?;
        Ok(found)
    }

    /// Removes the region's file. Participants that have it open keep it.
    ///
    /// # Errors
    ///
    /// [`NotFound`](crate::Code::NotFound) if it has none any more, also if another region has the name by now;
    /// [`Permission`](crate::Code::Permission).
    pub fn unlink(&self) -> Result<(), Error> {
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_unlink_region(region) })?;
        Ok(())
    }

    /// `Ok`, or why the region can't be used any more.
    ///
    /// # Errors
    ///
    /// [`Truncated`](crate::Code::Truncated), [`Corrupt`](crate::Code::Corrupt), [`NoSpace`](crate::Code::NoSpace),
    /// [`Closed`](crate::Code::Closed).
    pub fn check(&self) -> Result<(), Error> {
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_check(region) }).map(|_| ())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region").field("path", &self.path()).field("size", &self.size()).finish()
    }
}
