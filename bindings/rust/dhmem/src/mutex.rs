use std::ffi::CString;
use std::fmt;
use std::os::raw::c_int;
use std::time::Duration;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::{checked, milliseconds, text};
use crate::queue::pointer;
use crate::{Error, Region};

/// Mutual exclusion between participants: [`Region::mutex`].
///
/// A participant holds it, not a thread. A thread that locks it while another thread of the same opening has it gets
/// [`BadArgument`](crate::Code::BadArgument) at once: let such threads open the region once each, or put a mutex of the
/// standard library around this one.
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let turn = region.mutex("turn")?;
/// let held = turn.lock()?;
/// if held.abandoned() {
///     // Its last holder died while it had the mutex, so what that guards may be half changed.
/// }
/// drop(held);
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Mutex {
    opened: Opened<sys::dhmem_mutex>,
}

impl Region {
    /// Opens the mutex of this name, or creates it.
    ///
    /// # Errors
    ///
    /// [`TypeMismatch`](crate::Code::TypeMismatch), [`RegionFull`](crate::Code::RegionFull),
    /// [`NoSpace`](crate::Code::NoSpace), [`ReadOnly`](crate::Code::ReadOnly).
    pub fn mutex(&self, name: &str) -> Result<Mutex, Error> {
        let name = Some(text("The mutex's name", name)?);
        // SAFETY: The name ends with a zero, and the library sets `mutex` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, name, |region, name, mutex| {
                sys::dhmem_mutex_open(region, pointer(name), mutex)
            })
        };
        Ok(Mutex { opened: opened? })
    }
}

impl Mutex {
    /// Waits for the mutex and locks it.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if this participant holds it already, and those of a region that can't be
    /// used any more.
    pub fn lock(&self) -> Result<Held<'_>, Error> {
        self.lock_within(None)
    }

    /// As [`Mutex::lock`], but waits so long at most.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`], and [`Timeout`](crate::Code::Timeout).
    pub fn lock_timeout(&self, timeout: Duration) -> Result<Held<'_>, Error> {
        self.lock_within(Some(timeout))
    }

    /// Locks it if it is free.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`].
    pub fn try_lock(&self) -> Result<Option<Held<'_>>, Error> {
        match self.lock_within(Some(Duration::ZERO)) {
            Err(error) if error.code() == crate::Code::Timeout => Ok(None),
            result => result.map(Some),
        }
    }

    fn lock_within(&self, timeout: Option<Duration>) -> Result<Held<'_>, Error> {
        let timeout = milliseconds(timeout);
        let mut abandoned = false;
        let is_held = || self.opened.opening.held().contains(self.name());
        let mut is_waiting = is_held();
        if !is_waiting {
            self.opened.wait(|mutex| {
                // SAFETY: The mutex is open.
                let code = unsafe { sys::dhmem_lock(mutex, timeout, &mut abandoned) };
                // A thread of this opening that waits for a condition has it, although it is unlocked meanwhile.
                is_waiting = code == sys::DHMEM_OK && is_held();
                if is_waiting {
                    // SAFETY: As above. Whoever locks it next is told if it was abandoned.
                    unsafe { sys::dhmem_pass_on(mutex) };
                } else if code == sys::DHMEM_OK {
                    self.opened.opening.held().insert(self.name().clone());
                }
                code
            })?;
        }
        if is_waiting {
            return Err(Error::bad_argument(format!(
                "This participant already holds mutex {}, so locking it again would wait for ever; unlock it first",
                self.opened.name()
            )));
        }
        Ok(Held { mutex: self, abandoned })
    }

    fn name(&self) -> &CString {
        self.opened.raw_name().expect("mutexes are opened by name")
    }
}

impl fmt::Debug for Mutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").field("name", &self.opened.name()).finish()
    }
}

/// A mutex that this participant holds. Dropping it unlocks it.
#[derive(Debug)]
#[must_use = "the mutex is unlocked at once if this is not kept"]
pub struct Held<'m> {
    mutex: &'m Mutex,
    pub(crate) abandoned: bool,
}

impl Held<'_> {
    /// Whether the last holder died while it had the mutex, so that what it guards may be half changed. A wait for a
    /// condition takes the mutex anew, so ask again after it.
    pub fn abandoned(&self) -> bool {
        self.abandoned
    }

    /// Unlocks it, as dropping does, and tells whether that failed.
    ///
    /// # Errors
    ///
    /// Those of a region that can't be used any more.
    pub fn unlock(self) -> Result<(), Error> {
        let code = self.finish();
        std::mem::forget(self);
        checked(code).map(|_| ())
    }

    fn finish(&self) -> c_int {
        self.mutex.opened.code(|mutex| {
            self.mutex.opened.opening.held().remove(self.mutex.name());
            // SAFETY: The mutex is open.
            unsafe { sys::dhmem_unlock(mutex) }
        })
    }

    pub(crate) fn opened(&self) -> &Opened<sys::dhmem_mutex> {
        &self.mutex.opened
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.finish();
    }
}
