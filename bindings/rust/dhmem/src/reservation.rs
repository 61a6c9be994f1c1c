use std::fmt;
use std::os::raw::c_void;
use std::slice;

use dhmem_sys as sys;

use crate::block::count;
use crate::{Error, Number, Producer};

/// Room for a message in a queue, to write it in place: [`Producer::reserve`]. Dropping it gives the room back.
///
/// Its memory contains old bytes, and is aligned to 8.
pub struct Reservation<'p> {
    producer: &'p mut Producer,
    data: *mut c_void,
    length: usize,
    /// It was committed.
    spent: bool,
}

// SAFETY: Its memory is its own until it is committed or dropped.
unsafe impl Send for Reservation<'_> {}
// SAFETY: As above; through a shared reference it is only read.
unsafe impl Sync for Reservation<'_> {}

impl<'p> Reservation<'p> {
    pub(crate) fn new(producer: &'p mut Producer, data: *mut c_void, length: usize) -> Reservation<'p> {
        Reservation { producer, data, length, spent: false }
    }

    /// Its bytes, to write.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: The memory is this reservation's alone, and stays while it is borrowed.
        unsafe { slice::from_raw_parts_mut(self.data.cast(), self.length) }
    }

    /// Its contents as numbers, to write.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if its length is no multiple of the number's.
    pub fn as_mut_slice<T: Number>(&mut self) -> Result<&mut [T], Error> {
        let length = count::<T>(self.length, "reservation")?;
        // SAFETY: As in bytes_mut(); and it is aligned to 8.
        Ok(unsafe { slice::from_raw_parts_mut(self.data.cast(), length) })
    }

    /// Sends the first `length` bytes.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if that is more than was reserved, and those of a region that can't be used
    /// any more.
    pub fn commit(mut self, length: usize) -> Result<(), Error> {
        // SAFETY: The producer is open, and has this reservation.
        let result = self.producer.opened.call(|producer| unsafe { sys::dhmem_commit(producer, length) });
        self.spent = result.is_ok();
        result.map(|_| ())
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.spent {
            // SAFETY: The producer is open.
            self.producer.opened.code(|producer| unsafe { sys::dhmem_abort(producer) });
        }
    }
}

impl fmt::Debug for Reservation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reservation").field("len", &self.length).finish()
    }
}
