//! Memory that processes share, also across containers: queues, blocks, mutexes, maps and more, together with programs in
//! TypeScript, Python, C and Go.
//!
//! A [`Region`] is a file in `/dev/shm`. Any number of processes open it by its name, in any order. When a process dies,
//! the others go on: what it had is freed, and what it had locked is unlocked.
//!
//! ```
//! use dhmem::Region;
//!
//! # fn main() -> Result<(), dhmem::Error> {
//! # let name = &format!("climate-{}", std::process::id());
//! let region = Region::open(name)?;
//! let steps = region.queue("steps").producer()?;
//! for i in 0..10 {
//!     steps.send(format!("step {i}"))?;
//! }
//! steps.end()?;
//!
//! // In another process, which may also be the first to start:
//! let region = Region::open(name)?;
//! for message in &region.queue("steps").consumer()? {
//!     println!("{}", message?.text());
//! }
//! # region.unlink()
//! # }
//! ```
//!
//! # Memory that is shared, and memory that is not
//!
//! - **Messages, reservations, and blocks without clones** belong to one participant at a time, so they are ordinary slices
//!   such as `&[u8]`: [`Message::bytes`], [`Block::as_mut_slice`]. Their lifetimes end before the memory is somebody else's.
//! - **Arrays, structures, and blocks with clones** are everybody's at once, so they are slices and structs of [`Live`]
//!   numbers, every access to which is atomic.
//! - **Records, vectors, maps and saved blocks** are copied in and out.
//!
//! # Trust
//!
//! These slices rely on the other participants to keep to that as well, in whatever language they are written: who uses dhmem
//! does. A program that may write to the region's file and writes into it past dhmem could change a slice while Rust expects
//! it not to, as it could through `/proc/self/mem` or a debugger. So the file's permissions say whom you trust: by default
//! this user alone ([`Options::permissions`], [`Options::trust`]). The library itself checks whatever it reads of the region:
//! at worst a call fails with [`Code::Corrupt`]. If the file is truncated, or lacks a page because its file system is full,
//! the memory reads as zeros and calls fail.
#![deny(missing_docs)]
#![warn(missing_debug_implementations, unsafe_op_in_unsafe_fn, clippy::undocumented_unsafe_blocks)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64", target_endian = "little")))]
compile_error!("dhmem needs Linux on x86-64 or arm64");

mod block;
mod condition;
mod consumer;
mod descriptor;
mod entry;
mod error;
mod live;
mod map;
mod memory;
mod message;
mod mutex;
mod number;
mod opened;
mod opening;
mod options;
mod producer;
mod queue;
mod records;
mod region;
mod reservation;
mod saved;
mod vector;

pub use block::{Block, Unsent};
pub use condition::Condition;
pub use consumer::{Consumer, Messages};
pub use entry::{Key, Value};
pub use error::{Code, Error};
pub use live::Live;
pub use map::Map;
pub use memory::{Array, Structure};
pub use message::Message;
pub use mutex::{Held, Mutex};
#[doc(hidden)]
pub use number::check_type;
pub use number::{Integer, Number, Payload, Record};
pub use options::{Lifetime, Mode, Options};
pub use producer::Producer;
pub use queue::Queue;
pub use records::{RecordConsumer, RecordProducer, Records};
pub use region::Region;
pub use reservation::Reservation;
pub use saved::{Kind, SavedBlock};
pub use vector::Vector;
