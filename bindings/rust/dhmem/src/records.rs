use std::fmt;
use std::marker::PhantomData;
use std::mem::{self, MaybeUninit};
use std::os::raw::{c_int, c_void};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::{checked, milliseconds, text};
use crate::queue::pointer;
use crate::{Error, Queue, Record};

/// A queue of records, which all have one type: [`Queue::records`].
///
/// ```
/// use dhmem::{record, Region};
///
/// record! {
///     /// A point that was measured.
///     pub struct Point { pub id: u32, pub x: f64 }
/// }
///
/// let region = Region::temporary()?;
/// let producer = region.queue("points").records::<Point>().producer()?;
/// let consumer = region.queue("points").records::<Point>().consumer()?;
/// producer.push(Point { id: 7, x: 0.5 })?;
/// producer.end()?;
/// assert_eq!(consumer.pop()?, Some(Point { id: 7, x: 0.5 }));
/// assert_eq!(consumer.pop()?, None);
/// # Ok::<(), dhmem::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Records<'r, T> {
    queue: Queue<'r>,
    record: PhantomData<T>,
}

impl<'r> Queue<'r> {
    /// A queue of records instead: numbers, or structs that [`record!`](crate::record) declares. Its capacity counts
    /// records, and is 4096 for a new queue. It has no policy.
    pub fn records<T: Record>(self) -> Records<'r, T> {
        Records { queue: self, record: PhantomData }
    }
}

impl<T: Record> Records<'_, T> {
    /// Takes the producer's end, as [`Queue::producer`] does.
    ///
    /// # Errors
    ///
    /// As [`Queue::producer`]; [`TypeMismatch`](crate::Code::TypeMismatch) for a queue of other records.
    pub fn producer(&self) -> Result<RecordProducer<T>, Error> {
        let kind = type_of::<T>()?;
        let options = self.queue.raw_of_records();
        // SAFETY: The texts end with a zero, and the library sets `producer` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.queue.region.opening, Some(self.queue.name()?), |region, name, producer| {
                sys::dhmem_record_producer_open(region, pointer(name), kind.as_ptr(), &options, producer)
            })
        };
        Ok(RecordProducer {
            opened: opened?,
            timeout: self.queue.timeout,
            ended: AtomicBool::new(false),
            record: PhantomData,
        })
    }

    /// Takes the consumer's end, as [`Queue::consumer`] does.
    ///
    /// # Errors
    ///
    /// As [`Records::producer`].
    pub fn consumer(&self) -> Result<RecordConsumer<T>, Error> {
        let kind = type_of::<T>()?;
        let options = self.queue.raw_of_records();
        // SAFETY: The texts end with a zero, and the library sets `consumer` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.queue.region.opening, Some(self.queue.name()?), |region, name, consumer| {
                sys::dhmem_record_consumer_open(region, pointer(name), kind.as_ptr(), &options, consumer)
            })
        };
        Ok(RecordConsumer {
            opened: opened?,
            timeout: self.queue.timeout,
            ended: AtomicBool::new(false),
            record: PhantomData,
        })
    }
}

/// The text of a type. Its size is checked, since the library copies that much.
pub(crate) fn type_of<T: Record>() -> Result<std::ffi::CString, Error> {
    let kind = text("The type", T::TYPE)?;
    // SAFETY: The text ends with a zero.
    let size = unsafe { sys::dhmem_sizeof(kind.as_ptr()) };
    if size == mem::size_of::<T>() {
        return Ok(kind);
    }
    Err(Error::bad_argument(format!(
        "The type is {}; its fields must have names that dhmem can have, and types such as f64",
        T::TYPE
    )))
}

/// The end of a queue of records that sends. Dropping it leaves the queue, and does not end the stream.
pub struct RecordProducer<T> {
    opened: Opened<sys::dhmem_record_producer>,
    timeout: Option<Duration>,
    ended: AtomicBool,
    record: PhantomData<fn(T)>,
}

impl<T: Record> RecordProducer<T> {
    /// Adds a record. Waits for room.
    ///
    /// # Errors
    ///
    /// [`PeerGone`](crate::Code::PeerGone), [`QueueEnded`](crate::Code::QueueEnded),
    /// [`Timeout`](crate::Code::Timeout) after the queue's timeout, and those of a region that can't be used any more.
    pub fn push(&self, record: T) -> Result<(), Error> {
        self.push_within(&[record], self.timeout).map(|_| ())
    }

    /// Adds as many of these as there is room for, and returns their number. Waits until there is room for one.
    ///
    /// # Errors
    ///
    /// As [`RecordProducer::push`].
    pub fn push_many(&self, records: &[T]) -> Result<usize, Error> {
        self.push_within(records, self.timeout)
    }

    /// As [`RecordProducer::push_many`], but does not wait: 0 if there is no room.
    ///
    /// # Errors
    ///
    /// As [`RecordProducer::push`].
    pub fn try_push_many(&self, records: &[T]) -> Result<usize, Error> {
        match self.push_within(records, Some(Duration::ZERO)) {
            Err(error) if error.code() == crate::Code::Timeout => Ok(0),
            result => result,
        }
    }

    /// Waits until there is room for a record.
    ///
    /// # Errors
    ///
    /// As [`RecordProducer::push`].
    pub fn wait(&self) -> Result<(), Error> {
        let timeout = milliseconds(self.timeout);
        // SAFETY: The producer is open.
        let code = self
            .opened
            .wait_for_stream(&self.ended, |producer| unsafe { sys::dhmem_push_wait(producer, timeout) });
        checked(code).map(|_| ())
    }

    /// As [`Producer::end`](crate::Producer::end).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn end(&self) -> Result<(), Error> {
        self.opened
            .call(|producer| {
                // SAFETY: The producer is open.
                let code = unsafe { sys::dhmem_record_end(producer) };
                // Threads that wait for room see it after their sleep.
                self.ended.fetch_or(code == sys::DHMEM_OK, Ordering::Relaxed);
                code
            })
            .map(|_| ())
    }

    fn push_within(&self, records: &[T], timeout: Option<Duration>) -> Result<usize, Error> {
        let timeout = milliseconds(timeout);
        let data: *const c_void = records.as_ptr().cast();
        let mut pushed = 0;
        let into: *mut usize = &mut pushed;
        // SAFETY: The producer is open, and its records have the type T.
        checked(self.opened.wait_for_stream(&self.ended, |producer| unsafe {
            sys::dhmem_push(producer, data, records.len(), timeout, into)
        }))?;
        Ok(pushed)
    }
}

/// The end of a queue of records that receives. Dropping it leaves the queue.
pub struct RecordConsumer<T> {
    opened: Opened<sys::dhmem_record_consumer>,
    timeout: Option<Duration>,
    ended: AtomicBool,
    record: PhantomData<fn() -> T>,
}

impl<T: Record> RecordConsumer<T> {
    /// Waits for a record, and takes it. `None` is the end of the stream.
    ///
    /// # Errors
    ///
    /// [`PeerGone`](crate::Code::PeerGone) when all that was sent is taken, [`Timeout`](crate::Code::Timeout) after the
    /// queue's timeout, and those of a region that can't be used any more.
    pub fn pop(&self) -> Result<Option<T>, Error> {
        let mut record = MaybeUninit::<T>::uninit();
        let mut popped = 0;
        self.pop_within(record.as_mut_ptr(), 1, self.timeout, &mut popped)?;
        // SAFETY: The library has set it.
        Ok((popped == 1).then(|| unsafe { record.assume_init() }))
    }

    /// Waits for a record, and takes as many as there are and as fit. Returns their number; 0 is the end of the stream.
    ///
    /// # Errors
    ///
    /// As [`RecordConsumer::pop`].
    pub fn pop_many(&self, records: &mut [T]) -> Result<usize, Error> {
        let mut popped = 0;
        self.pop_within(records.as_mut_ptr(), records.len(), self.timeout, &mut popped)?;
        Ok(popped)
    }

    /// As [`RecordConsumer::pop_many`], but does not wait. `None` if there is no record now, and 0 at the end.
    ///
    /// # Errors
    ///
    /// As [`RecordConsumer::pop`].
    pub fn try_pop_many(&self, records: &mut [T]) -> Result<Option<usize>, Error> {
        let mut popped = 0;
        match self.pop_within(records.as_mut_ptr(), records.len(), Some(Duration::ZERO), &mut popped) {
            Err(error) if error.code() == crate::Code::Timeout => Ok(None),
            result => result.map(|_| Some(popped)),
        }
    }

    /// Waits until there is a record: true; false at the end of the stream.
    ///
    /// # Errors
    ///
    /// As [`RecordConsumer::pop`].
    pub fn wait(&self) -> Result<bool, Error> {
        let timeout = milliseconds(self.timeout);
        let code = self.opened.wait_for_stream(&self.ended, |consumer| {
            // SAFETY: The consumer is open.
            let code = unsafe { sys::dhmem_pop_wait(consumer, timeout) };
            // Other threads that wait for a record see it after their sleep.
            self.ended.fetch_or(code == sys::DHMEM_END, Ordering::Relaxed);
            code
        });
        checked(code).map(|code| code == sys::DHMEM_OK)
    }

    fn pop_within(
        &self,
        records: *mut T,
        count: usize,
        timeout: Option<Duration>,
        popped: &mut usize,
    ) -> Result<c_int, Error> {
        let timeout = milliseconds(timeout);
        let popped: *mut usize = popped;
        checked(self.opened.wait_for_stream(&self.ended, |consumer| {
            // SAFETY: The consumer is open, its records have the type T, and there is room for so many.
            let code = unsafe { sys::dhmem_pop(consumer, records.cast(), count, timeout, popped) };
            // Other threads that wait for a record see it after their sleep.
            self.ended.fetch_or(code == sys::DHMEM_END, Ordering::Relaxed);
            code
        }))
    }
}

impl<T> fmt::Debug for RecordProducer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordProducer").field("queue", &self.opened.name()).finish()
    }
}

impl<T> fmt::Debug for RecordConsumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordConsumer").field("queue", &self.opened.name()).finish()
    }
}
