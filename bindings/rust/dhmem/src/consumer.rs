use std::fmt;
use std::mem::MaybeUninit;
use std::os::raw::c_int;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::{checked, milliseconds};
use crate::{Error, Message};

/// The end of a queue that receives: [`Queue::consumer`](crate::Queue::consumer).
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// # let producer = region.queue("steps").producer()?;
/// # producer.send("step 1")?;
/// # producer.end()?;
/// let steps = region.queue("steps").consumer()?;
/// for message in &steps {
///     println!("{}", message?.text());
/// }
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Consumer {
    pub(crate) opened: Opened<sys::dhmem_consumer>,
    timeout: Option<Duration>,
    ended: AtomicBool,
}

/// Messages that [`Consumer::poll`] receives at once.
const BATCH: usize = 32;

impl Consumer {
    pub(crate) fn new(opened: Opened<sys::dhmem_consumer>, timeout: Option<Duration>) -> Consumer {
        Consumer { opened, timeout, ended: AtomicBool::new(false) }
    }

    /// Waits for the next message. `None` is the end of the stream.
    ///
    /// # Errors
    ///
    /// [`PeerGone`](crate::Code::PeerGone) when all that was sent is received,
    /// [`Timeout`](crate::Code::Timeout) after the queue's timeout, and those of a region that can't be used any more.
    pub fn receive(&self) -> Result<Option<Message<'_>>, Error> {
        self.receive_within(self.timeout)
    }

    /// As [`Consumer::receive`], but waits so long at most.
    ///
    /// # Errors
    ///
    /// As [`Consumer::receive`].
    pub fn receive_timeout(&self, timeout: Duration) -> Result<Option<Message<'_>>, Error> {
        self.receive_within(Some(timeout))
    }

    /// The next message, if there is one. `None` also at the end: see [`Consumer::ended`].
    ///
    /// # Errors
    ///
    /// As [`Consumer::receive`], without a timeout.
    pub fn try_receive(&self) -> Result<Option<Message<'_>>, Error> {
        let mut raw = MaybeUninit::uninit();
        // SAFETY: The consumer is open.
        let code =
            self.opened.code(|consumer| unsafe { sys::dhmem_receive(consumer, raw.as_mut_ptr(), 0.0) });
        if code == sys::DHMEM_TIMEOUT {
            return Ok(None);
        }
        // SAFETY: The library has set it if it returns DHMEM_OK.
        unsafe { self.received(code, &raw) }
    }

    /// Up to `most` messages that are there, without waiting.
    ///
    /// # Errors
    ///
    /// As [`Consumer::try_receive`].
    pub fn receive_many(&self, most: usize) -> Result<Vec<Message<'_>>, Error> {
        let mut messages = Vec::new();
        self.receive_batch(most, |message| messages.push(message))?;
        Ok(messages)
    }

    /// Calls `handle` for each message that is there, up to `most`, in their order, and releases them: the fastest way to
    /// receive many small messages. Returns how many there were; 0 with [`Consumer::ended`] is the end.
    ///
    /// If `handle` panics, the messages of its batch are not released: the next consumer gets them again.
    ///
    /// ```
    /// # let region = dhmem::Region::temporary()?;
    /// # let producer = region.queue("numbers").producer()?;
    /// # producer.send(&[1.0, 2.0])?;
    /// let numbers = region.queue("numbers").consumer()?;
    /// let mut sum = 0.0;
    /// numbers.poll(1000, |message| {
    ///     sum += message.as_slice::<f64>().map_or(0.0, |numbers| numbers.iter().sum());
    /// })?;
    /// assert_eq!(sum, 3.0);
    /// # Ok::<(), dhmem::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Consumer::try_receive`]; messages that were handled before are released.
    pub fn poll(&self, most: usize, mut handle: impl FnMut(&Message<'_>)) -> Result<usize, Error> {
        let mut count = 0;
        let mut batch = Vec::with_capacity(most.min(BATCH));
        while count < most {
            let result = self.receive_batch((most - count).min(BATCH), |message| batch.push(message));
            batch.iter().for_each(&mut handle);
            let handled = batch.len();
            self.release_batch(&mut batch)?;
            result?;
            count += handled;
            if handled < BATCH {
                break;
            }
        }
        Ok(count)
    }

    /// Whether the end of the stream was received.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Receives up to `most` messages that are there, with one call of the library for each `BATCH`.
    fn receive_batch<'c>(&'c self, most: usize, mut each: impl FnMut(Message<'c>)) -> Result<(), Error> {
        let mut left = most;
        while left > 0 {
            let wanted = left.min(BATCH);
            let mut batch = [MaybeUninit::<sys::dhmem_message>::uninit(); BATCH];
            let mut received = 0;
            let into: *mut sys::dhmem_message = batch.as_mut_ptr().cast();
            // SAFETY: The consumer is open, and there is room for so many.
            let code = self
                .opened
                .code(|consumer| unsafe { sys::dhmem_receive_many(consumer, into, wanted, &mut received) });
            self.note_end(code);
            checked(code)?;
            for raw in &batch[..received] {
                // SAFETY: The library has set it, and this consumer has received it.
                each(unsafe { Message::new(raw.assume_init(), self) });
            }
            left = if received == wanted { left - wanted } else { 0 };
        }
        Ok(())
    }

    fn release_batch(&self, batch: &mut Vec<Message<'_>>) -> Result<(), Error> {
        let code = self.opened.code(|consumer| {
            let codes = batch.iter_mut().map(|message| {
                // SAFETY: The consumer is open and has the message.
                unsafe { message.release_by(consumer) }
            });
            codes.fold(sys::DHMEM_OK, c_int::min)
        });
        batch.clear();
        checked(code).map(|_| ())
    }

    fn receive_within(&self, timeout: Option<Duration>) -> Result<Option<Message<'_>>, Error> {
        let timeout = milliseconds(timeout);
        let mut raw = MaybeUninit::uninit();
        let into: *mut sys::dhmem_message = raw.as_mut_ptr();
        // SAFETY: The consumer is open.
        let code = self
            .opened
            .wait_for_stream(&self.ended, |consumer| unsafe { sys::dhmem_receive(consumer, into, timeout) });
        // SAFETY: The library has set it if it returns DHMEM_OK.
        unsafe { self.received(code, &raw) }
    }

    /// # Safety
    ///
    /// If the code is DHMEM_OK, this consumer has just received `raw`.
    unsafe fn received(
        &self,
        code: c_int,
        raw: &MaybeUninit<sys::dhmem_message>,
    ) -> Result<Option<Message<'_>>, Error> {
        if code == sys::DHMEM_OK {
            // SAFETY: The caller says so.
            return Ok(Some(unsafe { Message::new(raw.assume_init(), self) }));
        }
        self.note_end(code);
        checked(code).map(|_| None)
    }

    fn note_end(&self, code: c_int) {
        if code == sys::DHMEM_END {
            self.ended.store(true, Ordering::Relaxed);
        }
    }
}

/// The messages of a consumer, until the end of the stream. It waits for each.
#[derive(Debug)]
pub struct Messages<'c> {
    consumer: &'c Consumer,
    failed: bool,
}

impl<'c> Iterator for Messages<'c> {
    type Item = Result<Message<'c>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let next = self.consumer.receive().transpose();
        // What has failed once would fail for ever.
        self.failed = matches!(next, Some(Err(_)));
        next
    }
}

impl<'c> IntoIterator for &'c Consumer {
    type Item = Result<Message<'c>, Error>;
    type IntoIter = Messages<'c>;

    fn into_iter(self) -> Messages<'c> {
        Messages { consumer: self, failed: false }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("queue", &self.opened.name()).finish()
    }
}
