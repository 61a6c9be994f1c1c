//! A program that is killed again and again while it sends and receives, as `test/c/peer-chaos.c` does.

use std::time::Duration;

use dhmem::{Array, Consumer, Error, Message, Producer, Region};

use crate::queues::{bytes_in_words, is_late};
use crate::{Answer, Failure, Line};

/// What processes do, as `progress` says.
const EXCHANGING: f64 = 0.0;
const ENDING: f64 = 2.0;
const SENDING: f64 = 3.0;

struct Chaos<'r> {
    region: &'r Region,
    /// Of each queue, the last number that was sent, the last that was received, and how many came again; and behind
    /// them what to do, the number of a message to leave out, and that of one to change.
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
    fn word_from_end(&self, index: usize) -> f64 {
        self.progress[self.progress.len() - index].get()
    }

    fn phase(&self) -> f64 {
        self.word_from_end(3)
    }

    fn send_next(&self) -> Result<(), Error> {
        let number = self.progress[3 * self.out].get() + 1.0;
        if number == self.word_from_end(2) || self.try_send(number as u64, number == self.word_from_end(1))? {
            self.progress[3 * self.out].set(number);
        }
        Ok(())
    }

    /// False if there is no room.
    fn try_send(&self, number: u64, changed: bool) -> Result<bool, Error> {
        let mut data = contents(number);
        if let Some((length, byte)) = block_of(number) {
            let mut block = self.region.allocate(length)?;
            block.bytes_mut()?.fill(byte);
            block.bytes_mut()?[length - 1] ^= u8::from(changed);
            return match self.producer.send_block_timeout(data, block, Duration::ZERO) {
                Err(unsent) if is_late(&unsent.error) => Ok(false),
                result => result.map(|()| true).map_err(Error::from),
            };
        }
        *data.last_mut().expect("it has a number") ^= u8::from(changed);
        self.producer.try_send(data)
    }

    /// The last may come again after a side was killed.
    fn check(&self, message: &Message<'_>) -> Result<(), String> {
        let number = message
            .as_slice::<u8>()
            .ok()
            .and_then(|bytes| Some(f64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)));
        let number = number.ok_or("no number")?;
        let received = &self.progress[3 * self.input + 1];
        let repeated = &self.progress[3 * self.input + 2];
        let last = received.get();
        let wanted = block_of(number as u64).map(|(length, byte)| format!("{length} times {byte}"));
        let found = message.block().map(|block| bytes_in_words(&block.to_vec()));
        let follows = number == last || number == last + 1.0;
        if !follows || message.bytes() != contents(number as u64) || found != wanted {
            return Err(format!("wrong: {number} after {last}, {} bytes", message.bytes().len()));
        }
        if number == last {
            repeated.set(repeated.get() + 1.0);
        }
        received.set(number);
        Ok(())
    }

    /// False if there is none.
    fn receive_next(&self) -> Result<bool, Failure> {
        match self.consumer.receive_timeout(Duration::from_millis(1)) {
            Ok(Some(message)) => {
                self.check(&message).map_err(Failure::Words)?;
                message.release()?;
                Ok(true)
            }
            Err(error) if !is_late(&error) => Err(error.into()),
            _ => Ok(false),
        }
    }

    /// Sends and receives until it should end, and then receives what is left.
    fn exchange(&self) -> Result<(), Failure> {
        loop {
            let phase = self.phase();
            if phase == EXCHANGING || phase == SENDING {
                self.send_next()?;
            }
            if phase == SENDING {
                std::thread::sleep(Duration::from_millis(1));
            } else if !self.receive_next()? && phase == ENDING {
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
