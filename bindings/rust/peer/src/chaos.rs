//! A program that is killed again and again while it sends and receives, as `test/c/peer-chaos.c` does.

use std::time::Duration;

use dhmem::{Array, Consumer, Error, Message, Producer, Region};

use crate::queues::{bytes_in_words, is_late};
use crate::{Answer, Line};

const QUEUES: usize = 4;
const STOP: usize = 2 * QUEUES;

struct Chaos<'r> {
    region: &'r Region,
    /// Of each queue, the last number that was sent and received; and behind them, whether to stop.
    progress: Array<f64>,
    out: usize,
    input: usize,
    producer: Producer,
    consumer: Consumer,
}

/// A message: its number, and number % 200 bytes; each seventh has a block.
fn contents(number: u64) -> Vec<u8> {
    let mut bytes = (number as f64).to_le_bytes().to_vec();
    bytes.resize(8 + (number % 200) as usize, number as u8);
    bytes
}

fn block_of(number: u64) -> Option<(usize, u8)> {
    (number % 7 == 0).then(|| (1000 + (number % 5000) as usize, number as u8))
}

impl Chaos<'_> {
    /// False if there is no room.
    fn send_next(&self) -> Result<bool, Error> {
        let number = self.progress[2 * self.out].get() as u64 + 1;
        if let Some((length, byte)) = block_of(number) {
            let mut block = self.region.allocate(length)?;
            block.bytes_mut()?.fill(byte);
            match self.producer.send_block_timeout(contents(number), block, Duration::ZERO) {
                Err(unsent) if is_late(&unsent.error) => return Ok(false),
                result => result?,
            }
        } else if !self.producer.try_send(contents(number))? {
            return Ok(false);
        }
        self.progress[2 * self.out].set(number as f64);
        Ok(true)
    }

    /// One may come again after its receiver was killed.
    fn check(&self, message: &Message<'_>) -> Result<(), String> {
        let number = message
            .as_slice::<u8>()
            .ok()
            .and_then(|bytes| Some(f64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)));
        let number = number.ok_or("no number")?;
        let last = self.progress[2 * self.input + 1].get();
        let wanted = block_of(number as u64).map(|(length, byte)| format!("{length} times {byte}"));
        let found = message.block().map(|block| bytes_in_words(&block.to_vec()));
        if number > last + 1.0 || message.bytes() != contents(number as u64) || found != wanted {
            return Err(format!("wrong: {number} after {last}, {} bytes", message.bytes().len()));
        }
        if number > last {
            self.progress[2 * self.input + 1].set(number);
        }
        Ok(())
    }

    /// False if there is none.
    fn receive_next(&self) -> Result<bool, Error> {
        match self.consumer.receive_timeout(Duration::from_millis(1)) {
            Ok(Some(message)) => {
                self.check(&message).unwrap_or_else(|wrong| panic!("{wrong}"));
                message.release().map(|()| true)
            }
            Err(error) if is_late(&error) => Ok(false),
            result => result.map(|_| false),
        }
    }

    /// Sends and receives until it should stop, and then receives what is left.
    fn exchange(&self) -> Result<(), Error> {
        loop {
            let stop = self.progress[STOP].get();
            if stop == 0.0 {
                self.send_next()?;
            }
            if !self.receive_next()? && stop == 2.0 {
                return Ok(());
            }
        }
    }
}

/// chaos OUT IN: the numbers of the queues.
pub fn run(region: &Region, line: &Line) -> Answer {
    let (out, input): (usize, usize) = (line.name.parse().unwrap_or(0), line.number().0 as usize);
    let queue = |index: usize| region.queue(&format!("queue-{index}")).capacity(4096).patient();
    let chaos = Chaos {
        region,
        progress: region.array("progress", &[])?,
        out,
        input,
        producer: queue(out).producer()?,
        consumer: queue(input).consumer()?,
    };
    chaos.exchange()?;
    Ok("exchanged".into())
}
