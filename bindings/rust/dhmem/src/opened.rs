//! What was opened in a region by a name or a token, and is closed when it is dropped.

use std::ffi::CString;
use std::os::raw::c_int;
use std::ptr::NonNull;
use std::sync::atomic::AtomicBool;
use std::sync::Arc;

use dhmem_sys as sys;

use crate::opening::{checked, Opening};
use crate::Error;

/// A thing that the library opens and closes.
pub(crate) trait Closable {
    /// # Safety
    ///
    /// `raw` is open, and not used after this; the lock of its region is held.
    unsafe fn close(raw: *mut Self);
}

macro_rules! closable {
    ($($type:ident by $function:ident,)*) => {$(
        impl Closable for sys::$type {
            unsafe fn close(raw: *mut Self) {
                // SAFETY: The caller says so.
                unsafe { sys::$function(raw) }
            }
        }
    )*};
}

closable! {
    dhmem_producer by dhmem_producer_close,
    dhmem_consumer by dhmem_consumer_close,
    dhmem_record_producer by dhmem_record_producer_close,
    dhmem_record_consumer by dhmem_record_consumer_close,
    dhmem_memory by dhmem_memory_close,
    dhmem_vector by dhmem_vector_close,
    dhmem_map by dhmem_map_close,
    dhmem_mutex by dhmem_mutex_close,
    dhmem_condition by dhmem_condition_close,
}

pub(crate) struct Opened<T: Closable> {
    raw: NonNull<T>,
    pub opening: Arc<Opening>,
    /// Its name, unless it was found by a token.
    name: Option<CString>,
}

// SAFETY: `raw` is used only with the lock of its region.
unsafe impl<T: Closable> Send for Opened<T> {}
// SAFETY: As above.
unsafe impl<T: Closable> Sync for Opened<T> {}

impl<T: Closable> Opened<T> {
    /// # Safety
    ///
    /// If `open` returns DHMEM_OK, it has set its last argument to something open.
    pub unsafe fn new(
        opening: &Arc<Opening>,
        name: Option<CString>,
        open: impl FnOnce(*mut sys::dhmem_region, Option<&CString>, *mut *mut T) -> c_int,
    ) -> Result<Opened<T>, Error> {
        let mut raw = std::ptr::null_mut();
        // Before it is opened, so that no other thread removes the name in between.
        opening.opened(name.as_ref());
        let code = opening.code(|region| open(region, name.as_ref(), &mut raw));
        match (checked(code), NonNull::new(raw)) {
            (Ok(_), Some(raw)) => Ok(Opened { raw, opening: Arc::clone(opening), name }),
            (result, _) => {
                opening.closed(name.as_ref(), || ());
                Err(result.err().unwrap_or_else(|| Error::last(code)))
            }
        }
    }

    pub fn raw_name(&self) -> Option<&CString> {
        self.name.as_ref()
    }

    pub fn name(&self) -> &str {
        self.name.as_ref().and_then(|name| name.to_str().ok()).unwrap_or("")
    }

    /// For calls that need two things.
    pub fn raw(&self) -> *mut T {
        self.raw.as_ptr()
    }

    /// Calls the library with what does not sleep. Returns its code.
    pub fn code(&self, call: impl FnOnce(*mut T) -> c_int) -> c_int {
        self.opening.code(|_| call(self.raw.as_ptr()))
    }

    pub fn call(&self, call: impl FnOnce(*mut T) -> c_int) -> Result<c_int, Error> {
        checked(self.code(call))
    }

    /// Calls the library with what may sleep. Returns its code.
    pub fn wait_code(&self, call: impl FnOnce(*mut T) -> c_int) -> c_int {
        self.opening.wait_code(None, |_| call(self.raw.as_ptr()))
    }

    /// Calls the library with what may sleep until another thread has ended the stream, and once more then, so that it
    /// says so.
    pub fn wait_for_stream(&self, ended: &AtomicBool, call: impl Fn(*mut T) -> c_int) -> c_int {
        loop {
            let code = self.opening.wait_code(Some(ended), |_| call(self.raw.as_ptr()));
            if code != sys::DHMEM_INTERRUPTED {
                return code;
            }
        }
    }

    pub fn wait(&self, call: impl FnOnce(*mut T) -> c_int) -> Result<c_int, Error> {
        checked(self.wait_code(call))
    }
}

impl<T: Closable> Drop for Opened<T> {
    fn drop(&mut self) {
        let raw = self.raw.as_ptr();
        // SAFETY: It is open, and this is its only owner; closed() has the lock.
        self.opening.closed(self.name.as_ref(), || unsafe { T::close(raw) });
    }
}
