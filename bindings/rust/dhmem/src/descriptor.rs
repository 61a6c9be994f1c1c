use std::os::unix::io::BorrowedFd;

use dhmem_sys as sys;

use crate::{Error, Region};

impl Region {
    /// A descriptor to watch in an event loop (`poll`, epoll, tokio's `AsyncFd`), one for each region. It becomes readable
    /// when something that this participant waits for may have happened. It works with everything that can be tried:
    ///
    /// 1. Try it: [`Consumer::try_receive`](crate::Consumer::try_receive), [`Mutex::try_lock`](crate::Mutex::try_lock), and
    ///    so on. Go on if it was there.
    /// 2. Wait until the descriptor is readable.
    /// 3. Call [`Region::clear_descriptor`], and then try everything once more, because the descriptor does not say which of
    ///    them can go on.
    ///
    /// A [`Condition`](crate::Condition) is tried by [`wait_timeout`](crate::Condition::wait_timeout) with a duration of zero;
    /// drop [`Held`](crate::Held) before step 2, and lock the mutex again after it.
    ///
    /// No timer is needed beside it, although peers can die without a word: it also becomes readable a few times a second.
    /// Whatever is tried costs more from now on.
    ///
    /// # Errors
    ///
    /// [`NoSpace`](crate::Code::NoSpace), [`Unsupported`](crate::Code::Unsupported), and those of a region that can't be
    /// used any more.
    pub fn descriptor(&self) -> Result<BorrowedFd<'_>, Error> {
        let mut fd = -1;
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_fd(region, &mut fd) })?;
        // SAFETY: It is open as long as the region, which is borrowed.
        Ok(unsafe { BorrowedFd::borrow_raw(fd) })
    }

    /// Makes the descriptor unreadable, before everything is tried again.
    ///
    /// # Errors
    ///
    /// Those of a region that can't be used any more.
    pub fn clear_descriptor(&self) -> Result<(), Error> {
        // SAFETY: The region is open.
        self.opening.call(|region| unsafe { sys::dhmem_fd_clear(region) }).map(|_| ())
    }
}
