//! Commands about everything else that is in a region.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use dhmem::{record, Array, Map, RecordConsumer, RecordProducer, Region, Structure, Vector};

use crate::queues::{bytes_in_words, patience};
use crate::{number, told, Answer, Line, Named, Peer};

record! {
    struct Params { a: f64, b: f64, step: u32 }
}

record! {
    struct Point { x: f64, y: f64 }
}

record! {
    struct State { step: f64 }
}

#[derive(Default)]
pub struct Objects {
    producers: Named<RecordProducer<f64>>,
    consumers: Named<RecordConsumer<f64>>,
    arrays: Named<Array<f64>>,
    vectors: Named<Vector<f64>>,
    maps: Named<Map<String, f64>>,
    params: RefCell<Option<Structure<Params>>>,
}

impl Objects {
    pub fn close(&self) {
        self.producers.take();
        self.consumers.take();
        self.arrays.take();
        self.vectors.take();
        self.maps.take();
        self.params.take();
    }
}

fn get<T>(named: &Named<T>, name: &str) -> Result<Rc<T>, crate::Failure> {
    told(named.borrow().get(name).cloned(), name)
}

fn put<T>(named: &RefCell<HashMap<String, Rc<T>>>, name: &str, value: T) -> Rc<T> {
    let value = Rc::new(value);
    named.borrow_mut().insert(name.into(), Rc::clone(&value));
    value
}

pub fn answer(peer: &Peer, line: &Line) -> Option<Answer> {
    Some(match line.command {
        "push-to" | "pop-from" | "push" | "pop" | "end-records" => records(peer, line),
        "map" | "put" | "look" | "delete" | "entries" | "count-up" | "points" => maps(peer, line),
        "vector" | "append" | "sum" | "pop-back" | "resize" => vectors(peer, line),
        "array" | "get" | "set" | "token" | "load" | "get-params" | "set-params" => memory(peer, line),
        "allocate" | "clone" | "free" | "bytes" | "save" | "load-block" | "free-saved" | "send-clone" => {
            blocks(peer, line)
        }
        "await" | "watch" | "change" => condition(peer, line),
        _ => return None,
    })
}

fn records(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let objects = &peer.objects;
    let (first, more) = line.number();
    let queue = region.queue(line.name).timeout(patience(peer)).records::<f64>();
    match line.command {
        "push-to" => {
            put(&objects.producers, line.name, queue.producer()?);
            Ok("producer".into())
        }
        "pop-from" => {
            put(&objects.consumers, line.name, queue.consumer()?);
            Ok("consumer".into())
        }
        "push" => {
            let numbers: Vec<_> = (0..number(more).0 as usize).map(|i| first + i as f64).collect();
            let mut left = &numbers[..];
            while !left.is_empty() {
                left = &left[get(&objects.producers, line.name)?.push_many(left)?..];
            }
            Ok("pushed".into())
        }
        "pop" => {
            let (mut left, mut sum, mut numbers) = (first as usize, 0.0, [0.0; 100]);
            while left > 0 {
                let most = left.min(numbers.len());
                let popped = get(&objects.consumers, line.name)?.pop_many(&mut numbers[..most])?;
                if popped == 0 {
                    return Ok("end".into());
                }
                sum += numbers[..popped].iter().sum::<f64>();
                left -= popped;
            }
            Ok(sum.to_string())
        }
        _ => {
            get(&objects.producers, line.name)?.end()?;
            Ok("ended".into())
        }
    }
}

fn maps(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let maps = &peer.objects.maps;
    let (key, value) = line.rest.split_once(' ').unwrap_or((line.rest, ""));
    match line.command {
        "map" => {
            put(maps, line.name, region.map(line.name)?);
            Ok("string to f64".into())
        }
        "points" => {
            let points = region.map::<u64, Point>("points")?;
            let key = key.parse().unwrap_or(0);
            let old = points.get(&key)?;
            points.set(&key, &Point { x: number(value).0, y: 0.5 })?;
            Ok(old.map_or("none".into(), |old| format!("{} {}", old.x, old.y)))
        }
        "put" => {
            get(maps, line.name)?.set(key, &number(value).0)?;
            Ok("set".into())
        }
        "look" => {
            let value = get(maps, line.name)?.get(line.rest)?;
            Ok(value.map_or("none".into(), |value| value.to_string()))
        }
        "delete" => {
            let removed = get(maps, line.name)?.remove(line.rest)?;
            Ok(if removed { "deleted" } else { "missing" }.into())
        }
        "count-up" => {
            for _ in 0..number(value).0 as usize {
                get(maps, line.name)?.update(key, |old| old.unwrap_or(0.0) + 1.0)?;
            }
            Ok("counted".into())
        }
        _ => {
            let entries = get(maps, line.name)?.entries()?;
            let bytes: usize = entries.iter().map(|(key, _)| key.len()).sum();
            let sum: f64 = entries.iter().map(|(_, value)| value).sum();
            Ok(format!("{} entries, {bytes} bytes of keys, {sum}", get(maps, line.name)?.len()?))
        }
    }
}

fn vectors(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let vectors = &peer.objects.vectors;
    let (first, more) = line.number();
    match line.command {
        "vector" if line.rest == "u8" => {
            region.vector::<u8>(line.name).map(|_| "u8".into()).map_err(Into::into)
        }
        "vector" => {
            put(vectors, line.name, region.vector(line.name)?);
            Ok("f64".into())
        }
        "append" => {
            for i in 0..number(more).0 as usize {
                get(vectors, line.name)?.push(first + i as f64)?;
            }
            Ok("appended".into())
        }
        "sum" => {
            let numbers = get(vectors, line.name)?.to_vec()?;
            Ok(format!("{} numbers, {}", numbers.len(), numbers.iter().sum::<f64>()))
        }
        "pop-back" => {
            let last = get(vectors, line.name)?.pop()?;
            Ok(last.map_or("empty".into(), |last| last.to_string()))
        }
        _ => {
            get(vectors, line.name)?.resize(first as usize)?;
            Ok("resized".into())
        }
    }
}

/// The sizes in "f64[10,3]".
fn shape(text: &str) -> Vec<usize> {
    let sizes = text.trim_start_matches("f64").trim_matches(|c| c == '[' || c == ']');
    sizes.split(',').filter_map(|size| size.parse().ok()).collect()
}

fn memory(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let arrays = &peer.objects.arrays;
    let (index, value) = line.number();
    match line.command {
        "array" => {
            let array = put(arrays, line.name, region.array(line.name, &shape(line.rest))?);
            Ok(format!("{:?}", array.shape()))
        }
        "load" => {
            let array = put(arrays, line.name, region.load_array(line.rest)?);
            Ok(format!("{:?}", array.shape()))
        }
        "get" => Ok(get(arrays, line.name)?[index as usize].get().to_string()),
        "set" => {
            get(arrays, line.name)?[index as usize].set(number(value).0);
            Ok("set".into())
        }
        "token" => get(arrays, line.name)?.token().map_err(Into::into),
        command => {
            let mut params = peer.objects.params.borrow_mut();
            if params.is_none() {
                *params = Some(region.structure("params")?);
            }
            let params = told(params.as_ref(), "params")?;
            if command == "set-params" {
                params.a.set(number(line.name).0);
                params.step.set(index as u32);
            }
            Ok(format!("{} {} {}", params.a.get(), params.b.get(), params.step.get()))
        }
    }
}

fn blocks(peer: &Peer, line: &Line) -> Answer {
    let region = peer.region()?;
    let mut blocks = peer.blocks.borrow_mut();
    let (length, byte) = line.number();
    match line.command {
        "allocate" => {
            let mut block = region.allocate(length as usize)?;
            block.bytes_mut()?.fill(number(byte).0 as u8);
            blocks.insert(line.name.into(), block);
            Ok("allocated".into())
        }
        "clone" => {
            let copy = told(blocks.get_mut(line.name), line.name)?.try_clone()?;
            blocks.insert(line.rest.into(), copy);
            Ok("cloned".into())
        }
        "send-clone" => {
            let copy = told(blocks.get_mut(line.name), line.name)?.try_clone()?;
            let producer = told(peer.producers.borrow().get(line.rest).cloned(), line.rest)?;
            let sent = producer.borrow().send_block("clone", copy);
            sent.map_err(|unsent| unsent.error)?;
            Ok("sent".into())
        }
        "free" => {
            told(blocks.remove(line.name), line.name)?;
            Ok("freed".into())
        }
        "bytes" => Ok(bytes_in_words(&told(blocks.get(line.name), line.name)?.to_vec())),
        "save" => region.save(told(blocks.remove(line.name), line.name)?).map_err(Into::into),
        "load-block" => Ok(bytes_in_words(&region.load_block(line.rest)?.to_vec()?)),
        _ => {
            region.load_block(line.name)?.free()?;
            Ok("freed".into())
        }
    }
}

/// Waits until the struct "state" has a step, or changes it, with the mutex "turn".
fn condition(peer: &Peer, line: &Line) -> Answer {
    let region: Region = peer.region()?;
    let (wanted, more) = line.number();
    let state = region.structure::<State>("state")?;
    let (turn, condition) = (region.mutex("turn")?, region.condition(line.name)?);
    let mut held = turn.lock()?;
    if line.command == "change" {
        state.step.set(wanted);
        condition.notify_all()?;
        return Ok("changed".into());
    }
    if line.command == "watch" {
        condition.wait(&mut held, || {
            let is_over = state.step.get() < 0.0;
            if !is_over {
                state.step.set(state.step.get() + 1.0);
            }
            is_over
        })?;
        return Ok(if held.abandoned() { "abandoned" } else { "whole" }.into());
    }
    let until = || state.step.get() == wanted;
    match number(more).0 {
        limit if limit > 0.0 => {
            let limit = std::time::Duration::from_secs_f64(limit / 1000.0);
            condition.wait_timeout(&mut held, until, limit)?;
        }
        _ => condition.wait(&mut held, until)?,
    }
    Ok("reached".into())
}
