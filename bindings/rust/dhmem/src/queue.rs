use std::ffi::CString;
use std::os::raw::{c_int, c_uint};
use std::time::Duration;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::text;
use crate::{Consumer, Error, Producer, Region};

/// A queue of messages, with one producer and one consumer in any two processes: [`Region::queue`].
///
/// Messages have any size: one that is larger than half the queue travels as a block of its own, without further notice.
///
/// ```
/// use dhmem::Region;
/// use std::time::Duration;
///
/// let region = Region::temporary()?;
/// let producer = region.queue("steps").capacity(8 << 20).producer()?;
/// let consumer = region.queue("steps").timeout(Duration::from_secs(1)).consumer()?;
/// for i in 0..10 {
///     producer.send(format!("step {i}"))?;
/// }
/// producer.end()?;
/// for message in &consumer {
///     println!("{}", message?.text());
/// }
/// # Ok::<(), dhmem::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Queue<'r> {
    pub(crate) region: &'r Region,
    name: String,
    capacity: usize,
    patient: bool,
    policy: c_int,
    keep: c_uint,
    pub(crate) timeout: Option<Duration>,
}

impl<'r> Queue<'r> {
    pub(crate) fn new(region: &'r Region, name: &str) -> Queue<'r> {
        Queue {
            region,
            name: name.to_owned(),
            capacity: 0,
            patient: false,
            policy: sys::DHMEM_BLOCK,
            keep: 0,
            timeout: None,
        }
    }

    /// Bytes for messages that are sent and not yet released: 64 to 1 GiB, rounded up to a power of two. The default is
    /// 1 MiB for a new queue; an existing queue may have any capacity.
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// Waits go on after the other side has left or died without ending the stream, because a restarted program may
    /// replace it. Otherwise they fail with [`PeerGone`](crate::Code::PeerGone).
    pub fn patient(mut self) -> Self {
        self.patient = true;
        self
    }

    /// The queue keeps one message, and its sender never waits: the older message is dropped.
    pub fn latest(mut self) -> Self {
        self.policy = sys::DHMEM_LATEST;
        self
    }

    /// The queue keeps the last `count` messages, 1 to 4096, and its sender never waits: older messages are dropped.
    pub fn keep(mut self, count: u32) -> Self {
        self.policy = sys::DHMEM_DROP_OLDEST;
        self.keep = count;
        self
    }

    /// How long the waits of the endpoint take at most. By default they never expire.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Takes the producer's end. Dropping it leaves the queue, so that another can take it, and does not end the stream.
    ///
    /// # Errors
    ///
    /// [`EndpointTaken`](crate::Code::EndpointTaken), [`TypeMismatch`](crate::Code::TypeMismatch),
    /// [`BadArgument`](crate::Code::BadArgument), [`ReadOnly`](crate::Code::ReadOnly),
    /// [`RegionFull`](crate::Code::RegionFull), [`NoSpace`](crate::Code::NoSpace).
    pub fn producer(&self) -> Result<Producer, Error> {
        let options = self.raw();
        let name = Some(self.name()?);
        // SAFETY: The name ends with a zero, and the library sets `producer` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.region.opening, name, |region, name, producer| {
                sys::dhmem_producer_open(region, pointer(name), &options, producer)
            })
        };
        Ok(Producer::new(opened?, self.timeout))
    }

    /// Takes the consumer's end. Dropping it leaves the queue; messages that were not released are delivered again to the
    /// next consumer.
    ///
    /// # Errors
    ///
    /// As [`Queue::producer`].
    pub fn consumer(&self) -> Result<Consumer, Error> {
        let options = self.raw();
        let name = Some(self.name()?);
        // SAFETY: The name ends with a zero, and the library sets `consumer` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.region.opening, name, |region, name, consumer| {
                sys::dhmem_consumer_open(region, pointer(name), &options, consumer)
            })
        };
        Ok(Consumer::new(opened?, self.timeout))
    }

    pub(crate) fn name(&self) -> Result<CString, Error> {
        text("The queue's name", &self.name)
    }

    pub(crate) fn raw_of_records(&self) -> sys::dhmem_record_options {
        sys::dhmem_record_options { capacity: self.capacity, patient: self.patient }
    }

    fn raw(&self) -> sys::dhmem_queue_options {
        sys::dhmem_queue_options {
            capacity: self.capacity,
            patient: self.patient,
            policy: self.policy,
            keep: self.keep,
        }
    }
}

/// The text for the library.
pub(crate) fn pointer(text: Option<&CString>) -> *const std::os::raw::c_char {
    text.map_or(std::ptr::null(), |text| text.as_ptr())
}
