use std::fmt;
use std::os::raw::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dhmem_sys as sys;

use crate::block::address;
use crate::opened::Opened;
use crate::opening::{checked, milliseconds};
use crate::{Block, Error, Payload, Reservation, Unsent};

/// The end of a queue that sends: [`Queue::producer`](crate::Queue::producer).
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let steps = region.queue("steps").producer()?;
/// steps.send("some text")?;
/// steps.send(&[0.5, 1.5])?; // numbers
/// steps.end()?;
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Producer {
    pub(crate) opened: Opened<sys::dhmem_producer>,
    timeout: Option<Duration>,
    ended: AtomicBool,
}

impl Producer {
    pub(crate) fn new(opened: Opened<sys::dhmem_producer>, timeout: Option<Duration>) -> Producer {
        Producer { opened, timeout, ended: AtomicBool::new(false) }
    }

    /// Sends a copy of text or numbers. Waits for room.
    ///
    /// # Errors
    ///
    /// [`PeerGone`](crate::Code::PeerGone), [`QueueEnded`](crate::Code::QueueEnded),
    /// [`MessageTooLarge`](crate::Code::MessageTooLarge), [`RegionFull`](crate::Code::RegionFull),
    /// [`NoSpace`](crate::Code::NoSpace), [`Timeout`](crate::Code::Timeout) after the queue's timeout.
    pub fn send(&self, data: impl Payload) -> Result<(), Error> {
        self.send_within(data.payload(), self.timeout).map(|_| ())
    }

    /// As [`Producer::send`], but waits so long at most.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`].
    pub fn send_timeout(&self, data: impl Payload, timeout: Duration) -> Result<(), Error> {
        self.send_within(data.payload(), Some(timeout)).map(|_| ())
    }

    /// Sends if there is room now, and tells whether there was.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`].
    pub fn try_send(&self, data: impl Payload) -> Result<bool, Error> {
        let data = data.payload();
        // SAFETY: The producer is open, and the bytes are there.
        let code =
            self.opened.code(|producer| unsafe { sys::dhmem_send(producer, address(data), data.len(), 0.0) });
        done(code)
    }

    /// Sends copies of these in their order, as many as there is room for now, and publishes them in one step. Returns how many.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`]; what was sent before stays sent.
    pub fn send_many<P: Payload>(&self, data: &[P]) -> Result<usize, Error> {
        let raw = |data: &P| {
            let data = data.payload();
            sys::dhmem_bytes { data: address(data), length: data.len() }
        };
        let raw: Vec<_> = data.iter().map(raw).collect();
        let mut sent = 0;
        let into: *mut usize = &mut sent;
        self.opened.call(|producer| {
            // SAFETY: The producer is open, and the bytes are there.
            unsafe { sys::dhmem_send_many(producer, raw.as_ptr(), raw.len(), into) }
        })?;
        Ok(sent)
    }

    /// Sends a copy of text or numbers, and hands over a block with it, which is not copied. Waits for room.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`]; and [`BadArgument`](crate::Code::BadArgument) for a block of another region. The block is in
    /// the error.
    #[allow(clippy::result_large_err)]
    pub fn send_block(&self, data: impl Payload, block: Block) -> Result<(), Unsent> {
        self.send_block_within(data.payload(), block, self.timeout)
    }

    /// As [`Producer::send_block`], but waits so long at most; 0 tries once.
    ///
    /// # Errors
    ///
    /// As [`Producer::send_block`].
    #[allow(clippy::result_large_err)]
    pub fn send_block_timeout(
        &self,
        data: impl Payload,
        block: Block,
        timeout: Duration,
    ) -> Result<(), Unsent> {
        self.send_block_within(data.payload(), block, Some(timeout))
    }

    /// Reserves room for a message of up to so many bytes, to write it in place. Waits for room.
    ///
    /// Nothing else can be sent until it is [committed](Reservation::commit) or dropped:
    ///
    /// ```
    /// # use dhmem::Region;
    /// # let region = Region::temporary()?;
    /// let mut steps = region.queue("steps").producer()?;
    /// let mut room = steps.reserve(100)?;
    /// room.bytes_mut()[..5].copy_from_slice(b"hello");
    /// room.commit(5)?;
    /// # Ok::<(), dhmem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Producer::send`].
    pub fn reserve(&mut self, bytes: usize) -> Result<Reservation<'_>, Error> {
        self.reserve_within(bytes, self.timeout)
    }

    /// As [`Producer::reserve`], but only if there is room now.
    ///
    /// # Errors
    ///
    /// As [`Producer::send`].
    pub fn try_reserve(&mut self, bytes: usize) -> Result<Option<Reservation<'_>>, Error> {
        match self.reserve_within(bytes, Some(Duration::ZERO)) {
            Err(error) if error.code() == crate::Code::Timeout => Ok(None),
            result => result.map(Some),
        }
    }

    /// Ends the stream: the consumer receives what was sent, and then its end. A second call does nothing.
    ///
    /// # Errors
    ///
    /// [`Timeout`](crate::Code::Timeout) if the queue is full of ended streams, and those of a region that can't be used
    /// any more.
    pub fn end(&self) -> Result<(), Error> {
        self.opened
            .call(|producer| {
                // SAFETY: The producer is open.
                let code = unsafe { sys::dhmem_end(producer) };
                // Threads that wait for room see it after their sleep.
                self.ended.fetch_or(code == sys::DHMEM_OK, Ordering::Relaxed);
                code
            })
            .map(|_| ())
    }

    fn send_within(&self, data: &[u8], timeout: Option<Duration>) -> Result<c_int, Error> {
        let timeout = milliseconds(timeout);
        // SAFETY: The producer is open, and the bytes are there.
        self.opened.wait(|producer| unsafe { sys::dhmem_send(producer, address(data), data.len(), timeout) })
    }

    #[allow(clippy::result_large_err)]
    fn send_block_within(
        &self,
        data: &[u8],
        mut block: Block,
        timeout: Option<Duration>,
    ) -> Result<(), Unsent> {
        if !std::sync::Arc::ptr_eq(&block.opening, &self.opened.opening) {
            let error =
                Error::bad_argument("The block is of another opening of a region; allocate it in this one");
            return Err(Unsent { error, block });
        }
        let timeout = milliseconds(timeout);
        let raw: *mut sys::dhmem_block = &mut block.raw;
        // SAFETY: The producer is open, the bytes are there, and the block is this participant's.
        let code = self.opened.wait_for_stream(&self.ended, |producer| unsafe {
            sys::dhmem_send_block(producer, address(data), data.len(), raw, timeout)
        });
        match checked(code) {
            Ok(_) => Ok(()),
            Err(error) => Err(Unsent { error, block }),
        }
    }

    fn reserve_within(&mut self, bytes: usize, timeout: Option<Duration>) -> Result<Reservation<'_>, Error> {
        let timeout = milliseconds(timeout);
        let mut data = std::ptr::null_mut();
        // SAFETY: The producer is open.
        self.opened.wait(|producer| unsafe { sys::dhmem_reserve(producer, bytes, timeout, &mut data) })?;
        Ok(Reservation::new(self, data, bytes))
    }
}

/// Whether something was done that a timeout of 0 may have prevented.
pub(crate) fn done(code: c_int) -> Result<bool, Error> {
    if code == sys::DHMEM_TIMEOUT {
        return Ok(false);
    }
    checked(code).map(|_| true)
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("queue", &self.opened.name()).finish()
    }
}
