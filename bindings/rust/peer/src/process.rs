//! What the standard library does not have: polling, forking, and dying by a signal.
#![allow(unsafe_code)]

use std::os::raw::{c_int, c_short, c_ulong};
use std::os::unix::io::AsRawFd;

use dhmem::{Code, Error, Mode, Producer, Region};

use crate::{Answer, Failure};

#[repr(C)]
struct PollFd {
    fd: c_int,
    events: c_short,
    revents: c_short,
}

extern "C" {
    fn poll(fds: *mut PollFd, count: c_ulong, timeout: c_int) -> c_int;
    fn fork() -> c_int;
    fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int;
    fn kill(pid: c_int, signal: c_int) -> c_int;
    fn getpid() -> c_int;
    fn pause() -> c_int;
    fn _exit(status: c_int) -> !;
}

const POLLIN: c_short = 1;
const SIGKILL: c_int = 9;

/// Waits until the descriptor for event loops is readable.
pub fn wait_at_descriptor(region: &Region) -> Result<(), Error> {
    let mut polled = PollFd { fd: region.descriptor()?.as_raw_fd(), events: POLLIN, revents: 0 };
    // SAFETY: It is one such struct.
    unsafe { poll(&mut polled, 1, -1) };
    region.clear_descriptor()
}

pub fn die() -> ! {
    // SAFETY: It ends this process.
    unsafe {
        kill(getpid(), SIGKILL);
        _exit(1)
    }
}

/// What a child can do with the opening that it has inherited, and with one of its own. 0 if that is right.
fn use_in_child(region: &Region, producer: &Producer) -> c_int {
    let closed =
        |result: Result<bool, Error>| result.map_or_else(|error| error.code(), |_| Code::Unsupported);
    if closed(producer.try_send("x")) != Code::Closed {
        return 1;
    }
    let path = region.path().to_string_lossy().into_owned();
    let sent = || -> Result<bool, Error> {
        let own = Region::options().mode(Mode::Open).label("child").open(&path)?;
        let sent = own.queue("child").producer()?.try_send("from the child");
        sent
    };
    c_int::from(!sent().unwrap_or(false)) * 2
}

/// A child tries things; and then another stays, whose process id is the answer.
pub fn fork_twice(region: &Region, producer: &Producer) -> Answer {
    // SAFETY: This program has one thread. The children leave by _exit().
    unsafe {
        let child = fork();
        if child == 0 {
            _exit(use_in_child(region, producer));
        }
        let mut status = 0;
        if waitpid(child, &mut status, 0) != child || status != 0 {
            return Err(Failure::Words(format!("the child ended with {status}")));
        }
        // The child has closed what it inherited once fork() has returned in it.
        let (mut reader, mut writer) = std::os::unix::net::UnixStream::pair().expect("two sockets");
        let child = fork();
        if child == 0 {
            use std::io::Write;
            if writer.write_all(&[0]).is_ok() {
                pause();
            }
            _exit(0);
        }
        std::io::Read::read_exact(&mut reader, &mut [0]).expect("the child writes");
        Ok(child.to_string())
    }
}
