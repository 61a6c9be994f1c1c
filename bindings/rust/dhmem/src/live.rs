use std::cell::UnsafeCell;
use std::fmt;

use crate::{Integer, Number};

/// A number in shared memory, which other participants may change at any time.
///
/// Reading and writing it is atomic and relaxed, at the cost of an ordinary access: it says nothing about other numbers.
/// Guard numbers that belong together with a [mutex](crate::Mutex).
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let grid = region.array::<f64>("grid", &[10, 3])?;
/// grid[5].set(0.5);
/// assert_eq!(grid[5].get(), 0.5);
/// let counts = region.array::<u32>("counts", &[4])?;
/// counts[0].atomic().fetch_add(1, std::sync::atomic::Ordering::SeqCst);
/// assert_eq!(counts[0].get(), 1);
/// # Ok::<(), dhmem::Error>(())
/// ```
#[repr(transparent)]
pub struct Live<T: Number>(UnsafeCell<T>);

// SAFETY: Every access is atomic.
unsafe impl<T: Number> Sync for Live<T> {}

impl<T: Number> Live<T> {
    fn cell(&self) -> &T::Atomic {
        // SAFETY: The atomic type has the size and, on 64-bit machines, the alignment of the number.
        unsafe { &*self.0.get().cast() }
    }

    /// Its value now.
    pub fn get(&self) -> T {
        T::load(self.cell())
    }

    /// Changes it.
    pub fn set(&self, value: T) {
        value.store(self.cell());
    }
}

impl<T: Integer> Live<T> {
    /// The standard library's atomic over it, such as an [`AtomicU32`](std::sync::atomic::AtomicU32): for `fetch_add`,
    /// `compare_exchange` and orderings other than relaxed. They work between processes.
    pub fn atomic(&self) -> &T::Atomic {
        self.cell()
    }
}

impl<T: Number + fmt::Debug> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
