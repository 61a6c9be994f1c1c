use std::borrow::Cow;
use std::fmt;
use std::os::raw::c_int;
use std::slice;
use std::thread;

use dhmem_sys as sys;

use crate::block::count;
use crate::{Block, Consumer, Error, Record};

/// A received message, read in place. It has its room in the queue until it is dropped or [released](Message::release);
/// so has every message behind it.
///
/// Nothing of it can be read after that, which the compiler checks:
///
/// ```compile_fail,E0505
/// # let region = dhmem::Region::temporary()?;
/// # let consumer = region.queue("steps").consumer()?;
/// let message = consumer.receive()?.expect("a message");
/// let bytes = message.bytes();
/// message.release()?;
/// println!("{}", bytes.len());
/// # Ok::<(), dhmem::Error>(())
/// ```
///
/// A message that is dropped while its thread panics is not released: the next consumer of the queue gets it again, as it
/// does when this program dies.
pub struct Message<'c> {
    raw: sys::dhmem_message,
    consumer: &'c Consumer,
    block: Option<Block>,
}

// SAFETY: Its memory is its own until it is released.
unsafe impl Send for Message<'_> {}
// SAFETY: As above; through a shared reference it is only read.
unsafe impl Sync for Message<'_> {}

impl<'c> Message<'c> {
    /// # Safety
    ///
    /// The consumer has just received it.
    pub(crate) unsafe fn new(raw: sys::dhmem_message, consumer: &'c Consumer) -> Message<'c> {
        let block = if raw.block.data.is_null() {
            None
        } else {
            Some(Block::received(raw.block, &consumer.opened.opening))
        };
        Message { raw, consumer, block }
    }

    /// Its bytes. They are aligned to 8.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: The memory is this message's alone, and stays until it is released.
        unsafe { slice::from_raw_parts(self.raw.data.cast(), self.raw.length) }
    }

    /// Its text. Bytes that are no UTF-8 become U+FFFD, as everywhere in dhmem.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.bytes())
    }

    /// Its contents as numbers, or as records.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if its length is no multiple of theirs.
    pub fn as_slice<T: Record>(&self) -> Result<&[T], Error> {
        let length = count::<T>(self.raw.length, "message")?;
        // SAFETY: As in bytes(); it is aligned to 8, and any bytes are a T.
        Ok(unsafe { slice::from_raw_parts(self.raw.data.cast(), length) })
    }

    /// The block that was handed over with it, if there is one. It is freed with the message unless it is
    /// [taken](Message::take).
    pub fn block(&self) -> Option<&Block> {
        self.block.as_ref()
    }

    /// Makes the message's block this participant's own, and releases the message.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if it has none, and those of a region that can't be used any more.
    pub fn take(mut self) -> Result<Block, Error> {
        let mut taken = crate::block::NOTHING;
        let raw: *mut sys::dhmem_message = &mut self.raw;
        // SAFETY: The consumer is open and has the message.
        self.consumer.opened.call(|consumer| unsafe { sys::dhmem_take(consumer, raw, &mut taken) })?;
        // Of the block, only the opening is dropped.
        Ok(Block::received(taken, &self.consumer.opened.opening))
    }

    /// Gives its room back and frees its block, as dropping it does, and tells whether that failed. Messages can be released
    /// in any order.
    ///
    /// # Errors
    ///
    /// Those of a region that can't be used any more.
    pub fn release(mut self) -> Result<(), Error> {
        crate::opening::checked(self.finish()).map(|_| ())
    }

    fn finish(&mut self) -> c_int {
        let consumer = self.consumer;
        // SAFETY: The consumer is open and has the message.
        consumer.opened.code(|raw| unsafe { self.release_by(raw) })
    }

    /// # Safety
    ///
    /// It is the raw consumer of this message, and its region's lock is held.
    pub(crate) unsafe fn release_by(&mut self, consumer: *mut sys::dhmem_consumer) -> c_int {
        // SAFETY: The caller says so.
        let code = unsafe { sys::dhmem_release(consumer, &mut self.raw) };
        // Whatever has happened, it is not to be released again.
        self.raw.data = std::ptr::null_mut();
        code
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        if !self.raw.data.is_null() && !thread::panicking() {
            self.finish();
        }
        if let Some(block) = &mut self.block {
            // It is the message's.
            block.raw.data = std::ptr::null_mut();
        }
    }
}

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message").field("len", &self.raw.length).field("block", &self.block).finish()
    }
}
