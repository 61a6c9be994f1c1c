//! One opening of a region, which everything that was opened in it shares, and its lock.
//!
//! The library for C wants one thread at a time. The lock is taken for each call, and given up while a call sleeps. A region
//! is closed when nothing of it is left, so no address in it outlives its memory.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::os::raw::{c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dhmem_sys as sys;

use crate::Error;

/// What is open of a region here. While something is, its name can't be removed: the memory could be used for
/// something else while a reference into it exists.
#[derive(Default)]
pub(crate) struct State {
    names: HashMap<CString, usize>,
    /// How many were opened by a token, so that their names are not known.
    unnamed: usize,
}

pub(crate) struct Opening {
    raw: NonNull<sys::dhmem_region>,
    state: Mutex<State>,
    pub path: PathBuf,
    pub size: u64,
    /// The thread that is in [`Opening::exclusively`], by the address of its `FRAME`; 0 if none is.
    changing: AtomicUsize,
    changes: Mutex<()>,
    /// The mutexes that this opening has locked, also while it waits for a condition, by name. Taken inside the lock.
    held: Mutex<HashSet<CString>>,
}

// SAFETY: `raw` is used only with the lock, and the library has no state of a thread but the text of its last failure.
unsafe impl Send for Opening {}
// SAFETY: As above.
unsafe impl Sync for Opening {}

/// A call that may sleep, for the functions around each sleep.
struct Frame<'a> {
    state: &'a Mutex<State>,
    guard: Option<MutexGuard<'a, State>>,
    /// Another thread has ended what is waited for: the stream of an endpoint.
    ended: Option<&'a AtomicBool>,
}

thread_local! {
    /// The innermost `Frame` of this thread.
    static FRAME: Cell<*mut c_void> = const { Cell::new(ptr::null_mut()) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn before_sleep() -> *mut c_void {
    let frame = FRAME.with(Cell::get);
    // SAFETY: The library calls this inside Opening::wait() of this thread, which has set it to its frame.
    unsafe { (*frame.cast::<Frame<'_>>()).guard = None };
    frame
}

unsafe extern "C" fn after_sleep(frame: *mut c_void) -> bool {
    // SAFETY: It is what before_sleep() has returned, in the same call of Opening::wait().
    unsafe {
        let frame = frame.cast::<Frame<'_>>();
        (*frame).guard = Some(lock((*frame).state));
        (*frame).ended.map_or(false, |ended| ended.load(Ordering::Relaxed))
    }
}

/// Runs `outside` without the lock of the call of [`Opening::wait`] that this thread is in.
pub(crate) fn unlocked<R>(outside: impl FnOnce() -> R) -> R {
    // SAFETY: The library calls back inside Opening::wait() only, whose frame is as long as that.
    let frame = unsafe { before_sleep() };
    let result = outside();
    // SAFETY: As above.
    unsafe { after_sleep(frame) };
    result
}

/// Milliseconds, as the library counts; `None` is for ever.
pub(crate) fn milliseconds(timeout: Option<Duration>) -> f64 {
    timeout.map_or(-1.0, |timeout| timeout.as_secs_f64() * 1e3)
}

impl Opening {
    /// # Safety
    ///
    /// `raw` is an open region that nothing else uses.
    pub unsafe fn new(raw: NonNull<sys::dhmem_region>, path: PathBuf) -> Opening {
        // SAFETY: The caller says so; the functions match what the library wants.
        let size = unsafe {
            sys::dhmem_on_sleep(raw.as_ptr(), Some(before_sleep), Some(after_sleep));
            sys::dhmem_size(raw.as_ptr())
        };
        Opening {
            raw,
            state: Mutex::default(),
            path,
            size,
            changing: AtomicUsize::new(0),
            changes: Mutex::new(()),
            held: Mutex::default(),
        }
    }

    /// Whether a block has clones.
    pub fn is_shared(&self, block: &sys::dhmem_block) -> bool {
        // SAFETY: The region is open. Without the lock, because of the opening this reads only what never changes.
        unsafe { sys::dhmem_is_shared(self.raw.as_ptr(), block) }
    }

    /// Calls the library with what does not sleep. Returns its code.
    pub fn code(&self, call: impl FnOnce(*mut sys::dhmem_region) -> c_int) -> c_int {
        let _guard = lock(&self.state);
        call(self.raw.as_ptr())
    }

    pub fn call(&self, call: impl FnOnce(*mut sys::dhmem_region) -> c_int) -> Result<c_int, Error> {
        checked(self.code(call))
    }

    /// Calls the library with what may sleep. If `ended` is true after a sleep, the call returns DHMEM_INTERRUPTED.
    pub fn wait_code(
        &self,
        ended: Option<&AtomicBool>,
        call: impl FnOnce(*mut sys::dhmem_region) -> c_int,
    ) -> c_int {
        let mut frame = Frame { state: &self.state, guard: Some(lock(&self.state)), ended };
        let outer = FRAME.with(|innermost| innermost.replace(ptr::addr_of_mut!(frame).cast()));
        let code = call(self.raw.as_ptr());
        FRAME.with(|innermost| innermost.set(outer));
        drop(frame);
        code
    }

    /// Runs `change` while no other thread of this opening is in here: it is for changes that hold a map's mutex, which
    /// a participant holds, and not a thread.
    pub fn exclusively<R>(&self, change: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
        /// Also when `change` panics.
        struct Leaving<'a>(&'a AtomicUsize);
        impl Drop for Leaving<'_> {
            fn drop(&mut self) {
                self.0.store(0, Ordering::Relaxed);
            }
        }
        let this = FRAME.with(|frame| ptr::addr_of!(*frame) as usize);
        if self.changing.load(Ordering::Relaxed) == this {
            let text = "A map is being updated by this thread; change maps before or after that";
            return Err(Error::bad_argument(text));
        }
        let _guard = lock(&self.changes);
        self.changing.store(this, Ordering::Relaxed);
        let _leaving = Leaving(&self.changing);
        change()
    }

    /// The mutexes that this opening has locked.
    pub fn held(&self) -> MutexGuard<'_, HashSet<CString>> {
        lock(&self.held)
    }

    /// Notes that something was opened under a name, or by a token. Each needs its [`Opening::closed`].
    pub fn opened(&self, name: Option<&CString>) {
        let mut state = lock(&self.state);
        match name {
            Some(name) => *state.names.entry(name.clone()).or_default() += 1,
            None => state.unnamed += 1,
        }
    }

    /// Closes something by `close`, and forgets that it was open.
    pub fn closed(&self, name: Option<&CString>, close: impl FnOnce()) {
        let mut state = lock(&self.state);
        close();
        match name {
            Some(name) => {
                if let Some(count) = state.names.get_mut(name) {
                    *count -= 1;
                    if *count == 0 {
                        state.names.remove(name);
                    }
                }
            }
            None => state.unnamed -= 1,
        }
    }

    /// Removes a name, and tells whether there was one.
    pub fn remove(&self, name: &CString) -> Result<bool, Error> {
        let state = lock(&self.state);
        if state.names.contains_key(name) || state.unnamed > 0 {
            let what = if state.unnamed > 0 { "something that was loaded by a token" } else { "it" };
            return Err(Error::bad_argument(format!(
                "{} can't be removed while this region has {} open; drop that first",
                name.to_string_lossy(),
                what
            )));
        }
        let mut removed = false;
        // SAFETY: The region is open, the name ends with a zero, and the lock is held.
        let code = unsafe { sys::dhmem_remove(self.raw.as_ptr(), name.as_ptr(), &mut removed) };
        checked(code).map(|_| removed)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        // SAFETY: Whatever was opened in it has a reference to this, so it is closed by now.
        unsafe { sys::dhmem_close(self.raw.as_ptr()) };
    }
}

pub(crate) fn checked(code: c_int) -> Result<c_int, Error> {
    if code >= 0 {
        Ok(code)
    } else {
        Err(Error::last(code))
    }
}

/// A text as the library wants it.
pub(crate) fn text(what: &str, text: &str) -> Result<CString, Error> {
    CString::new(text).map_err(|_| {
        Error::bad_argument(format!("{what} is {text:?}; it must not have a zero character in it"))
    })
}

/// A path for the library, with whatever bytes it has. Fails if it has a zero.
pub(crate) fn path(path: &Path) -> Result<CString, Error> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| {
        Error::bad_argument(format!("The directory is {path:?}; it must not have a zero character in it"))
    })
}
