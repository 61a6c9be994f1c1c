//! iceoryx2 between two processes, which publish and subscribe. Both sides look again and again, as the other
//! contenders do:
//!   iceoryx2 messages COUNT SPOILT SIZE   64 B, written and compared in place; millions a second
//!   iceoryx2 stream COUNT SPOILT SIZE     messages of SIZE bytes, filled and compared in place; GB/s
//!   iceoryx2 trips COUNT SPOILT SIZE      one number each way; microseconds for a round trip
//! The data and its checks are those of bench/data.ts. The other process is this program with `serve` in front.
use core::mem::MaybeUninit;
use core::time::Duration;
use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, exit};
use std::time::Instant;

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory as Service;

type Result<T> = core::result::Result<T, Box<dyn Error>>;
type Message = [u32; 16];

/// The number of messages that fit between the processes: 1 MiB of 64 B, or eight large ones, as in dhmem's rings.
const FIT: usize = 16_384;
const FIT_LARGE: usize = 8;
const PATTERNS: i64 = 3;

struct Job {
    what: String,
    count: i64,
    spoilt: i64,
    size: usize,
    /// Names the services: the id of the process that measures.
    run: String,
}

impl Job {
    fn new(arguments: &[String], run: String) -> Result<Job> {
        let [what, count, spoilt, size] = arguments else {
            return Err("usage: iceoryx2 messages|stream|trips COUNT SPOILT SIZE".into());
        };
        let (count, spoilt, size) = (count.parse()?, spoilt.parse()?, size.parse()?);
        Ok(Job { what: what.clone(), count, spoilt, size, run })
    }

    /// The number of record `sequence`, or a wrong one if that is to be noticed.
    fn record(&self, sequence: i64) -> f64 {
        if sequence == self.spoilt { -1.0 } else { sequence as f64 + 0.5 }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    set_log_level(LogLevel::Error);
    if let Err(error) = run(&arguments) {
        eprintln!("{error}");
        exit(1);
    }
}

fn run(arguments: &[String]) -> Result<()> {
    if let [serve, run, rest @ ..] = arguments
        && serve == "serve"
    {
        return work(&Job::new(rest, run.clone())?, true).map(|_| ());
    }
    let run = std::process::id().to_string();
    let job = Job::new(arguments, run.clone())?;
    let result = measure(&job, arguments);
    remove_files(&run)?;
    println!("{}", result?);
    Ok(())
}

fn measure(job: &Job, arguments: &[String]) -> Result<f64> {
    let mut other = Command::new(std::env::current_exe()?).arg("serve").arg(&job.run).args(arguments).spawn()?;
    let figure = work(job, false);
    if figure.is_err() {
        other.kill()?;
    }
    let status = other.wait()?;
    let figure = figure?;
    if !status.success() {
        return Err(format!("the other process ended: {status}").into());
    }
    Ok(figure)
}

/// The files of one run have a prefix and a folder of their own, so that they can be removed.
fn prefix(run: &str) -> String {
    format!("dhmem_bench_{run}_")
}

fn folder(run: &str) -> PathBuf {
    std::env::temp_dir().join(prefix(run))
}

/// Removes what iceoryx2 leaves: a segment for each user, and all that a process held which was killed.
fn remove_files(run: &str) -> Result<()> {
    fs::remove_dir_all(folder(run))?;
    for entry in fs::read_dir("/dev/shm")? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix(run)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn config(run: &str) -> Result<Config> {
    let mut config = Config::default();
    config.global.prefix = FileName::new(prefix(run).as_bytes())?;
    config.global.set_root_path(&Path::new(folder(run).as_os_str().as_encoded_bytes())?);
    Ok(config)
}

fn work(job: &Job, serves: bool) -> Result<f64> {
    let node = NodeBuilder::new().config(&config(&job.run)?).create::<ipc::Service>()?;
    match (job.what.as_str(), serves) {
        ("messages", true) => send_messages(job, &node),
        ("messages", false) => receive_messages(job, &node),
        ("stream", true) => send_stream(job, &node),
        ("stream", false) => receive_stream(job, &node),
        ("trips", true) => answer_trips(job, &node),
        ("trips", false) => make_trips(job, &node),
        (what, _) => Err(format!("no work {what}").into()),
    }
}

fn send_messages(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let publisher = publisher::<Message>(job, node, "messages", FIT)?;
    for sequence in 0..job.count {
        let mut sample = publisher.loan_uninit()?;
        let words: &mut MaybeUninit<Message> = sample.payload_mut();
        let words = words.write(core::array::from_fn(|i| sequence as u32 + i as u32));
        if sequence == job.spoilt {
            words[15] = sequence as u32;
        }
        // SAFETY: all of it was written above.
        unsafe { sample.assume_init() }.send()?;
        if sequence == 0 {
            await_connection(job, node)?;
        }
    }
    // The samples lie in this process's memory, which is gone when it ends.
    await_end(job, node)
}

fn receive_messages(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let subscriber = subscriber::<Message>(job, node, "messages", FIT)?;
    let mut connected = None;
    let mut started = Instant::now();
    for sequence in 0..job.count {
        let sample = spin(|| subscriber.receive())?;
        for (i, word) in sample.iter().enumerate() {
            if *word != sequence as u32 + i as u32 {
                return Err(format!("Message {sequence} is wrong").into());
            }
        }
        if sequence == 0 {
            connected = Some(tell_connection(job, node)?);
            started = Instant::now();
        }
    }
    drop(connected);
    let figure = (job.count - 1) as f64 / started.elapsed().as_secs_f64() / 1e6;
    tell_end(job, node)?;
    Ok(figure)
}

fn pattern_of(sequence: i64) -> f64 {
    (sequence % PATTERNS) as f64 + 1.5
}

fn send_stream(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let service = stream_service(job, node)?;
    let publisher = service
        .publisher_builder()
        .initial_max_slice_len(job.size / 8)
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()?;
    await_peer(|| service.dynamic_config().number_of_subscribers());
    for sequence in 0..job.count {
        let mut sample = publisher.loan_slice_uninit(job.size / 8)?;
        let numbers = sample.payload_mut();
        numbers.fill(MaybeUninit::new(pattern_of(sequence)));
        if let Some(last) = numbers.last_mut() {
            last.write(job.record(sequence));
        }
        // SAFETY: all of it was written above.
        unsafe { sample.assume_init() }.send()?;
        if sequence == 0 {
            await_connection(job, node)?;
        }
    }
    await_end(job, node)
}

fn receive_stream(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let service = stream_service(job, node)?;
    let subscriber = service.subscriber_builder().create()?;
    let mut connected = None;
    let mut expected: Vec<Vec<f64>> = (0..PATTERNS).map(|i| vec![pattern_of(i); job.size / 8]).collect();
    let mut started = Instant::now();
    for sequence in 0..job.count {
        let sample = spin(|| subscriber.receive())?;
        let wanted = &mut expected[(sequence % PATTERNS) as usize];
        *wanted.last_mut().ok_or("a message has at least 8 bytes")? = sequence as f64 + 0.5;
        if sample.payload() != wanted.as_slice() {
            return Err(format!("Message {sequence} is wrong").into());
        }
        if sequence == 0 {
            connected = Some(tell_connection(job, node)?);
            started = Instant::now();
        }
    }
    drop(connected);
    let figure = (job.count - 1) as f64 * job.size as f64 / started.elapsed().as_secs_f64() / 1e9;
    tell_end(job, node)?;
    Ok(figure)
}

fn make_trips(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let back = subscriber::<f64>(job, node, "pong", FIT_LARGE)?;
    let out = publisher::<f64>(job, node, "ping", FIT_LARGE)?;
    let mut started = Instant::now();
    for sequence in 0..job.count {
        out.send_copy(job.record(sequence))?;
        if *spin(|| back.receive())? != sequence as f64 + 0.5 {
            return Err(format!("Trip {sequence} is wrong").into());
        }
        if sequence == 0 {
            started = Instant::now();
        }
    }
    let figure = started.elapsed().as_secs_f64() * 1e6 / (job.count - 1) as f64;
    tell_end(job, node)?;
    Ok(figure)
}

fn answer_trips(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let input = subscriber::<f64>(job, node, "ping", FIT_LARGE)?;
    let back = publisher::<f64>(job, node, "pong", FIT_LARGE)?;
    for _ in 0..job.count {
        let sample = spin(|| input.receive())?;
        back.send_copy(*sample)?;
    }
    await_end(job, node)
}

fn name(job: &Job, what: &str) -> Result<ServiceName> {
    Ok(format!("{what}/{}", job.run).as_str().try_into()?)
}

fn service<T: ZeroCopySend + core::fmt::Debug + 'static>(
    job: &Job,
    node: &Node<ipc::Service>,
    what: &str,
    fit: usize,
) -> Result<Service<ipc::Service, T, ()>> {
    Ok(node
        .service_builder(&name(job, what)?)
        .publish_subscribe::<T>()
        .enable_safe_overflow(false)
        .subscriber_max_buffer_size(fit)
        .open_or_create()?)
}

fn stream_service(job: &Job, node: &Node<ipc::Service>) -> Result<Service<ipc::Service, [f64], ()>> {
    Ok(node
        .service_builder(&name(job, "stream")?)
        .publish_subscribe::<[f64]>()
        .enable_safe_overflow(false)
        .subscriber_max_buffer_size(FIT_LARGE)
        .open_or_create()?)
}

/// Creates the publisher of a service, and waits for its subscriber.
fn publisher<T: ZeroCopySend + core::fmt::Debug + 'static>(
    job: &Job,
    node: &Node<ipc::Service>,
    what: &str,
    fit: usize,
) -> Result<Publisher<ipc::Service, T, ()>> {
    let service = service::<T>(job, node, what, fit)?;
    let publisher = service
        .publisher_builder()
        .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
        .create()?;
    await_peer(|| service.dynamic_config().number_of_subscribers());
    Ok(publisher)
}

fn subscriber<T: ZeroCopySend + core::fmt::Debug + 'static>(
    job: &Job,
    node: &Node<ipc::Service>,
    what: &str,
    fit: usize,
) -> Result<Subscriber<ipc::Service, T, ()>> {
    let service = service::<T>(job, node, what, fit)?;
    Ok(service.subscriber_builder().create()?)
}

fn await_peer(count: impl Fn() -> usize) {
    while count() == 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Waits until the first message was received. A subscriber that is there may not be connected yet, and a publisher
/// whose buffer is full drops what it can't deliver to one that is not.
fn await_connection(job: &Job, node: &Node<ipc::Service>) -> Result<()> {
    let connected = subscriber::<u64>(job, node, "connected", 1)?;
    spin(|| connected.receive())?;
    Ok(())
}

/// Says that the first message was received. The result must live until that was read, in this process's memory.
fn tell_connection(job: &Job, node: &Node<ipc::Service>) -> Result<Publisher<ipc::Service, u64, ()>> {
    let connected = publisher::<u64>(job, node, "connected", 1)?;
    connected.send_copy(0)?;
    Ok(connected)
}

/// Waits until the process that measures has received everything.
fn await_end(job: &Job, node: &Node<ipc::Service>) -> Result<f64> {
    let end = subscriber::<u64>(job, node, "end", 1)?;
    spin(|| end.receive())?;
    Ok(0.0)
}

fn tell_end(job: &Job, node: &Node<ipc::Service>) -> Result<()> {
    let end = publisher::<u64>(job, node, "end", 1)?;
    end.send_copy(0)?;
    // It is read from this process's memory.
    let service = node.service_builder(&name(job, "end")?).publish_subscribe::<u64>().open()?;
    while service.dynamic_config().number_of_subscribers() > 0 {
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Looks until there is something. With a core for each process, that is long before the first yield.
fn spin<T, E: Error + 'static>(mut look: impl FnMut() -> core::result::Result<Option<T>, E>) -> Result<T> {
    for spins in 1u64.. {
        if let Some(value) = look()? {
            return Ok(value);
        }
        if spins % 65_536 == 0 {
            std::thread::yield_now();
        }
    }
    unreachable!("it looks without end")
}
