//! How long it takes to send 64 bytes and to receive them, for `bench.mjs`.

use std::time::Instant;

use crate::{Answer, Line, Peer};

/// Messages that are sent, and then received: they fit a queue of 1 MiB.
const BATCH: u32 = 1000;

/// pace QUEUE BATCHES: answers with nanoseconds for each sending, receiving, and receiving by `poll`, of the fastest batches.
pub fn run(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let producer = region.queue(line.name).producer()?;
    let consumer = region.queue(line.name).consumer()?;
    let mut fastest = [f64::INFINITY; 3];
    let data = [7_u8; 64];
    for batch in 0..line.number().0 as u32 {
        let began = Instant::now();
        for _ in 0..BATCH {
            assert!(producer.try_send(data)?);
        }
        let sent = Instant::now();
        let mut sum = 0_u64;
        let way = 1 + batch as usize % 2;
        if way == 1 {
            for _ in 0..BATCH {
                let message = consumer.try_receive()?.expect("it was sent");
                sum += u64::from(message.bytes()[63]);
            }
        } else {
            consumer.poll(BATCH as usize, |message| sum += u64::from(message.bytes()[63]))?;
        }
        let received = Instant::now();
        assert_eq!(sum, 7 * u64::from(BATCH));
        for (index, time) in [(0, sent - began), (way, received - sent)] {
            fastest[index] = fastest[index].min(time.as_secs_f64() * 1e9 / f64::from(BATCH));
        }
    }
    Ok(format!("{:.1} {:.1} {:.1}", fastest[0], fastest[1], fastest[2]))
}
