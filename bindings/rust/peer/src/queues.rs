//! Commands about queues.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dhmem::{Code, Consumer, Message, Region};

use crate::{number, process, say, told, Answer, End, Failure, Line, Peer};

/// "COUNT times BYTE", or "mixed".
pub fn bytes_in_words(bytes: &[u8]) -> String {
    let first = bytes.first().copied().unwrap_or(0);
    if bytes.iter().all(|&byte| byte == first) {
        format!("{} times {}", bytes.len(), first)
    } else {
        "mixed".into()
    }
}

fn message_in_words(message: &Message<'_>) -> String {
    let bytes = message.bytes();
    let mut words =
        if bytes.len() > 100 { bytes_in_words(bytes) } else { format!("message {}", message.text()) };
    if let Some(block) = message.block() {
        let described = match block.bytes() {
            Ok(bytes) => bytes_in_words(bytes),
            Err(_) => bytes_in_words(&block.to_vec()),
        };
        words += &format!(", block {described}");
    }
    words
}

pub fn answer(peer: &Peer, line: &Line) -> Option<Answer> {
    Some(match line.command {
        "producer" | "consumer" | "mail-producer" | "mail-consumer" => open(peer, line),
        "leave" => {
            peer.producers.borrow_mut().remove(line.name);
            peer.consumers.borrow_mut().remove(line.name);
            Ok("left".into())
        }
        "send" | "reserve" | "block" | "large" | "flood" | "end" => send(peer, line),
        "receive" | "take" | "count" | "poll" | "echo" => receive(peer, line),
        _ => return None,
    })
}

fn open(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let size = line.number().0;
    let queue = region.queue(line.name);
    let queue = match line.command {
        "producer" | "consumer" => queue.capacity(size as usize),
        _ if size == 0.0 => queue.latest(),
        _ => queue.keep(size as u32),
    };
    if line.command.ends_with("producer") {
        let producer = Rc::new(RefCell::new(queue.producer()?));
        peer.producers.borrow_mut().insert(line.name.into(), producer);
        Ok("producer".into())
    } else {
        peer.consumers.borrow_mut().insert(line.name.into(), Rc::new(queue.consumer()?));
        Ok("consumer".into())
    }
}

fn send(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let producer = peer.producers.borrow().get(line.name).cloned();
    let mut producer = told(producer.as_ref(), line.name)?.borrow_mut();
    let (length, more) = line.number();
    let (second, text) = number(more);
    match line.command {
        "send" => producer.send(line.rest)?,
        "reserve" => {
            let bytes = line.rest.as_bytes();
            let mut room = producer.reserve(bytes.len() + 5)?;
            room.bytes_mut()[..bytes.len()].copy_from_slice(bytes);
            room.commit(bytes.len())?;
        }
        "block" => {
            let mut block = region.allocate(length as usize)?;
            block.bytes_mut()?.fill(second as u8);
            producer.send_block(text, block).map_err(|unsent| unsent.error)?;
        }
        "large" => producer.send(vec![second as u8; length as usize])?,
        "flood" => {
            for _ in 0..length as usize {
                producer.send(vec![0_u8; second as usize])?;
            }
        }
        _ => {
            producer.end()?;
            return Ok("ended".into());
        }
    }
    Ok("sent".into())
}

fn consumer_of(peer: &Peer, name: &str) -> Result<Rc<Consumer>, Failure> {
    peer.region()?;
    let consumer = peer.consumers.borrow().get(name).cloned();
    told(consumer, name)
}

fn receive(peer: &Peer, line: &Line) -> Answer {
    let consumer = consumer_of(peer, line.name)?;
    let message = match line.command {
        "count" => return count(&consumer),
        "poll" | "echo" => return poll(peer, &consumer, line),
        _ => consumer.receive_timeout(line.timeout())?,
    };
    let message = match message {
        Some(message) => message,
        None => return Ok("end".into()),
    };
    let words = message_in_words(&message);
    if line.command == "take" {
        drop(message.take()?);
    } else {
        message.release()?;
    }
    Ok(words)
}

/// Keeps a message, and serves commands meanwhile.
pub fn hold(peer: &Peer, line: &Line) -> Result<Option<End>, Failure> {
    let consumer = consumer_of(peer, line.name)?;
    let message = consumer.receive_timeout(line.timeout())?;
    say(Ok(message.as_ref().map_or("end".into(), message_in_words)));
    match message {
        Some(_) => Ok(Some(peer.serve())),
        None => Ok(None),
    }
}

fn count(consumer: &Consumer) -> Answer {
    let (mut messages, mut bytes) = (0, 0);
    for message in consumer {
        bytes += message?.bytes().len();
        messages += 1;
    }
    Ok(format!("{messages} messages, {bytes} bytes"))
}

/// Receives by the descriptor for event loops. The result is `None` at the end.
fn receive_by_descriptor<'c>(
    region: &Region,
    consumer: &'c Consumer,
) -> Result<Option<Message<'c>>, Failure> {
    region.descriptor()?;
    loop {
        let message = consumer.try_receive()?;
        if message.is_some() || consumer.ended() {
            return Ok(message);
        }
        process::wait_at_descriptor(region)?;
    }
}

/// Receives so many messages, and sends each back if that is asked for.
fn poll(peer: &Peer, consumer: &Consumer, line: &Line) -> Answer {
    let region = peer.region()?;
    let back = peer.producers.borrow().get(&format!("{}-back", line.name)).cloned();
    let mut last = String::new();
    for _ in 0..line.number().0 as usize {
        let message = match receive_by_descriptor(&region, consumer)? {
            Some(message) => message,
            None => return Ok("end".into()),
        };
        last = message.text().into_owned();
        message.release()?;
        if line.command == "echo" {
            told(back.as_ref(), line.name)?.borrow().send(&last)?;
        }
    }
    Ok(last)
}

/// Whether it is only too late.
pub fn is_late(error: &dhmem::Error) -> bool {
    error.code() == Code::Timeout
}

/// The timeout of commands that have none.
pub fn patience(peer: &Peer) -> Duration {
    peer.patience.borrow().unwrap_or(Duration::from_secs(60))
}
