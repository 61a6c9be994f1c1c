use std::any::Any;
use std::fmt;
use std::os::raw::c_void;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::time::Duration;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::{milliseconds, text, unlocked};
use crate::queue::pointer;
use crate::{Error, Held, Region};

/// Waiting until something has changed that a mutex guards: [`Region::condition`].
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let state = region.array::<u32>("state", &[1])?;
/// let (turn, changed) = (region.mutex("turn")?, region.condition("changed")?);
///
/// let mut held = turn.lock()?;
/// # state[0].set(5);
/// changed.wait(&mut held, || state[0].get() == 5)?;
/// drop(held);
///
/// // Who changes it:
/// let held = turn.lock()?;
/// state[0].set(5);
/// changed.notify_all()?;
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Condition {
    opened: Opened<sys::dhmem_condition>,
}

impl Region {
    /// Opens the condition of this name, or creates it.
    ///
    /// # Errors
    ///
    /// As [`Region::mutex`].
    pub fn condition(&self, name: &str) -> Result<Condition, Error> {
        let name = Some(text("The condition's name", name)?);
        // SAFETY: The name ends with a zero, and the library sets `condition` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, name, |region, name, condition| {
                sys::dhmem_condition_open(region, pointer(name), condition)
            })
        };
        Ok(Condition { opened: opened? })
    }
}

/// What the library calls, and what that has panicked with.
struct Until<'u> {
    until: &'u mut dyn FnMut() -> bool,
    panic: Option<Box<dyn Any + Send>>,
}

unsafe extern "C" fn is_reached(context: *mut c_void) -> bool {
    // SAFETY: It is the context that wait_within() gives to the library, which calls this during that only.
    let context = unsafe { &mut *context.cast::<Until<'_>>() };
    let until = &mut context.until;
    match unlocked(|| catch_unwind(AssertUnwindSafe(until))) {
        Ok(reached) => reached,
        Err(panic) => {
            context.panic = Some(panic);
            true
        }
    }
}

impl Condition {
    /// Waits until `until` returns true. It is called while this participant has the mutex, which it has not while it
    /// sleeps, and has again afterwards, whatever the result is.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) for a mutex of another opening, and those of a region that can't be used any
    /// more.
    pub fn wait(&self, held: &mut Held<'_>, until: impl FnMut() -> bool) -> Result<(), Error> {
        self.wait_within(held, until, None)
    }

    /// As [`Condition::wait`], but waits so long at most.
    ///
    /// # Errors
    ///
    /// As [`Condition::wait`], and [`Timeout`](crate::Code::Timeout).
    pub fn wait_timeout(
        &self,
        held: &mut Held<'_>,
        until: impl FnMut() -> bool,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.wait_within(held, until, Some(timeout))
    }

    /// Wakes one participant that waits. Call it after the change, with the mutex.
    ///
    /// # Errors
    ///
    /// Those of a region that can't be used any more.
    pub fn notify_one(&self) -> Result<(), Error> {
        // SAFETY: The condition is open.
        self.opened.call(|condition| unsafe { sys::dhmem_notify_one(condition) }).map(|_| ())
    }

    /// Wakes all participants that wait. Call it after the change, with the mutex.
    ///
    /// # Errors
    ///
    /// Those of a region that can't be used any more.
    pub fn notify_all(&self) -> Result<(), Error> {
        // SAFETY: The condition is open.
        self.opened.call(|condition| unsafe { sys::dhmem_notify_all(condition) }).map(|_| ())
    }

    fn wait_within(
        &self,
        held: &mut Held<'_>,
        mut until: impl FnMut() -> bool,
        timeout: Option<Duration>,
    ) -> Result<(), Error> {
        let mutex = held.opened();
        if !std::sync::Arc::ptr_eq(&mutex.opening, &self.opened.opening) {
            let text = "The mutex is of another opening of a region than the condition; open both in one";
            return Err(Error::bad_argument(text));
        }
        let timeout = milliseconds(timeout);
        let mut context = Until { until: &mut until, panic: None };
        let at: *mut Until<'_> = &mut context;
        let mutex = mutex.raw();
        let mut abandoned = held.abandoned;
        // SAFETY: Both are open, and `context` outlives the call.
        let result = self.opened.wait(|condition| unsafe {
            let code = sys::dhmem_wait(condition, mutex, Some(is_reached), at.cast(), timeout);
            abandoned = sys::dhmem_is_abandoned(mutex);
            code
        });
        held.abandoned = abandoned;
        if let Some(panic) = context.panic {
            resume_unwind(panic);
        }
        result.map(|_| ())
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition").field("name", &self.opened.name()).finish()
    }
}
