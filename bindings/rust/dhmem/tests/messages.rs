//! How messages and blocks are released, and what is refused.

use std::panic::{catch_unwind, AssertUnwindSafe};

use dhmem::{record, Code, Error, Mode, Region};

fn small() -> Result<Region, Error> {
    let region = Region::temporary()?;
    region.unlink()?;
    Region::options()
        .size(16 << 20)
        .mode(Mode::Create)
        .lifetime(dhmem::Lifetime::LastClose)
        .open(&region.path().to_string_lossy())
}

#[test]
fn a_message_is_released_when_it_is_dropped_in_any_order() -> Result<(), Error> {
    let region = Region::temporary()?;
    let producer = region.queue("steps").capacity(256).producer()?;
    let consumer = region.queue("steps").consumer()?;
    assert_eq!(producer.send_many(&(0..100_u8).map(|i| [i; 40]).collect::<Vec<_>>())?, 5);
    let mut messages = consumer.receive_many(100)?;
    assert_eq!(messages.iter().map(|message| message.bytes()[0]).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    // The room of a message is free when that of the ones before it is.
    drop(messages.remove(1));
    assert!(!producer.try_send("no room")?);
    drop(messages);
    assert!(producer.try_send("room")?);
    assert_eq!(consumer.receive()?.expect("a message").text(), "room");
    Ok(())
}

#[test]
fn a_message_whose_handler_panics_comes_again() -> Result<(), Error> {
    let region = Region::temporary()?;
    let producer = region.queue("steps").producer()?;
    producer.send_many(&["a", "b", "c"])?;
    let consumer = region.queue("steps").consumer()?;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        for message in &consumer {
            let message = message.expect("a message");
            assert_ne!(message.text(), "b");
        }
    }));
    assert!(panicked.is_err());
    drop(consumer);
    let consumer = region.queue("steps").consumer()?;
    let mut seen = Vec::new();
    assert_eq!(consumer.poll(100, |message| seen.push(message.text().into_owned()))?, 2);
    assert_eq!(seen, ["b", "c"]);
    producer.end()?;
    assert_eq!((consumer.poll(100, |_| ())?, consumer.ended()), (0, true));
    Ok(())
}

#[test]
fn many_messages_are_polled_in_their_order() -> Result<(), Error> {
    let region = Region::temporary()?;
    let producer = region.queue("numbers").producer()?;
    let consumer = region.queue("numbers").consumer()?;
    assert_eq!(producer.send_many(&(0..1000_u32).map(|i| [i]).collect::<Vec<_>>())?, 1000);
    let mut next = 0;
    for most in [0, 1, 31, 32, 33, 500, 1000] {
        let before = next;
        let polled = consumer.poll(most, |message| {
            assert_eq!(message.as_slice::<u32>().expect("a number"), [next]);
            next += 1;
        })?;
        assert_eq!((polled, polled <= most), ((next - before) as usize, true));
    }
    assert_eq!(next, 1000);
    Ok(())
}

#[test]
fn records_are_waited_for_on_both_sides() -> Result<(), Error> {
    let region = Region::temporary()?;
    let queue = region.queue("numbers").capacity(4).records::<f64>();
    let (producer, consumer) = (queue.producer()?, queue.consumer()?);
    producer.wait()?;
    assert_eq!(producer.push_many(&[1.0, 2.0, 3.0, 4.0, 5.0])?, 4);
    assert_eq!(producer.try_push_many(&[5.0])?, 0);
    let mut numbers = [0.0; 10];
    assert_eq!((consumer.wait()?, consumer.pop()?, consumer.pop_many(&mut numbers)?), (true, Some(1.0), 3));
    assert_eq!(numbers[..3], [2.0, 3.0, 4.0]);
    assert_eq!(consumer.try_pop_many(&mut numbers)?, None);
    producer.end()?;
    assert_eq!(
        (consumer.wait()?, consumer.pop()?, consumer.try_pop_many(&mut numbers)?),
        (false, None, Some(0))
    );
    let late = producer.push(6.0).map_err(|error| error.code());
    assert_eq!(late, Err(Code::QueueEnded));
    Ok(())
}

#[test]
fn a_block_is_handed_over_and_taken() -> Result<(), Error> {
    let region = Region::temporary()?;
    let producer = region.queue("fields").producer()?;
    let consumer = region.queue("fields").consumer()?;
    let mut block = region.allocate(8000)?;
    block.as_mut_slice::<f64>()?.fill(0.5);
    let address = block.bytes()?.as_ptr();
    producer.send_block("field", block)?;
    let message = consumer.receive()?.expect("a message");
    assert_eq!(message.text(), "field");
    let block = message.take()?;
    assert_eq!(block.bytes()?.as_ptr(), address);
    assert_eq!(block.as_slice::<f64>()?.iter().sum::<f64>(), 500.0);
    let mut odd = region.allocate(9)?;
    assert_eq!(odd.as_mut_slice::<f64>().map_err(|error| error.code()).err(), Some(Code::BadArgument));
    Ok(())
}

#[test]
fn a_block_with_clones_is_no_slice() -> Result<(), Error> {
    let region = Region::temporary()?;
    let mut block = region.allocate(4096)?;
    block.bytes_mut()?.fill(7);
    let clone = block.try_clone()?;
    let code = |result: Result<usize, Error>| result.map_err(|error| error.code());
    assert_eq!(code(block.bytes().map(<[u8]>::len)), Err(Code::BadArgument));
    assert_eq!(code(clone.bytes().map(<[u8]>::len)), Err(Code::BadArgument));
    block.live::<u64>()?[0].set(1);
    assert_eq!(clone.live::<u64>()?[0].get(), 1);
    // Nor where it is received, in an opening that has not allocated anything.
    let other = Region::open(&region.path().to_string_lossy())?;
    let producer = region.queue("fields").producer()?;
    producer.send_block("clone", clone)?;
    producer.send_block("alone", region.allocate(64)?)?;
    let consumer = other.queue("fields").consumer()?;
    let messages = consumer.receive_many(2)?;
    let received: Vec<_> = messages.iter().filter_map(|message| message.block()).collect();
    assert_eq!(code(received[0].bytes().map(<[u8]>::len)), Err(Code::BadArgument));
    assert_eq!(received[0].to_vec()[8..], [7; 4088]);
    assert_eq!(code(received[1].bytes().map(<[u8]>::len)), Ok(64));
    Ok(())
}

#[test]
fn a_block_beyond_the_first_4_gib_is_read_as_others_are() -> Result<(), Error> {
    let first = Region::temporary()?;
    first.unlink()?;
    let region = Region::options()
        .size(16 << 30)
        .mode(Mode::Create)
        .lifetime(dhmem::Lifetime::LastClose)
        .open(&first.path().to_string_lossy())?;
    let other = Region::open(&region.path().to_string_lossy())?;
    let producer = region.queue("fields").producer()?;
    let mut large = region.allocate(9 << 20)?;
    large.bytes_mut()?[5] = 7;
    producer.send_block("large", large)?;
    producer.send_block("small", region.allocate(64)?)?;
    let mut cloned = region.allocate(9 << 20)?;
    producer.send_block("clone", cloned.try_clone()?)?;
    let consumer = other.queue("fields").consumer()?;
    let mut blocks = Vec::new();
    for message in consumer.receive_many(3)? {
        blocks.push(message.take()?);
    }
    assert_eq!(blocks[0].bytes()?[5], 7);
    assert_eq!(blocks[1].bytes()?.len(), 64);
    assert_eq!(blocks[2].bytes().map_err(|error| error.code()).err(), Some(Code::BadArgument));
    // Whatever the one who receives has allocated meanwhile.
    let _own = other.allocate(9 << 20)?;
    assert_eq!(blocks[1].bytes()?.len(), 64);
    blocks[0].bytes_mut()?[5] = 8;
    Ok(())
}

#[test]
fn a_full_region_makes_no_block_unreadable() -> Result<(), Error> {
    let region = small()?;
    let other = Region::open(&region.path().to_string_lossy())?;
    let producer = region.queue("fields").producer()?;
    let consumer = other.queue("fields").consumer()?;
    producer.send_block("alone", region.allocate(64)?)?;
    let mut blocks = Vec::new();
    while let Ok(block) = region.allocate(1 << 16) {
        blocks.push(block);
    }
    assert_eq!(blocks[0].try_clone().map_err(|error| error.code()).err(), Some(Code::RegionFull));
    assert_eq!(blocks[0].bytes()?.len(), 1 << 16);
    assert_eq!(consumer.receive()?.expect("a message").take()?.bytes()?.len(), 64);
    Ok(())
}

#[test]
fn an_unsent_block_is_still_the_senders() -> Result<(), Error> {
    let region = Region::temporary()?;
    let producer = region.queue("fields").producer()?;
    let mut block = region.allocate(100)?;
    block.bytes_mut()?.fill(3);
    producer.end()?;
    let unsent = producer.send_block("late", block).expect_err("the stream has ended");
    assert_eq!(unsent.error.code(), Code::QueueEnded);
    assert_eq!(unsent.block.bytes()?, [3; 100]);
    let other = Region::temporary()?.allocate(1)?;
    let unsent = producer.send_block("foreign", other).expect_err("it is another region's");
    assert_eq!(unsent.error.code(), Code::BadArgument);
    Ok(())
}

#[test]
fn what_is_open_is_not_removed_under_it() -> Result<(), Error> {
    let region = Region::temporary()?;
    let grid = region.array::<f64>("grid", &[10])?;
    let token = grid.token()?;
    let refused = |region: &Region| region.remove("grid").map_err(|error| error.code());
    assert_eq!(refused(&region), Err(Code::BadArgument));
    let loaded = region.load_array::<f64>(&token)?;
    drop(grid);
    assert_eq!(refused(&region), Err(Code::BadArgument));
    loaded[0].set(1.0);
    drop(loaded);
    assert_eq!(refused(&region), Ok(true));
    assert_eq!(refused(&region), Ok(false));
    assert_eq!(region.load_array::<f64>(&token).map_err(|error| error.code()).err(), Some(Code::BadHandle));
    Ok(())
}

#[test]
fn a_full_region_is_an_error_until_something_is_freed() -> Result<(), Error> {
    let region = small()?;
    let mut blocks = Vec::new();
    let error = loop {
        match region.allocate(3_000_000) {
            Ok(block) => blocks.push(block),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::RegionFull);
    assert!(error.to_string().contains("has no contiguous run of 3000000 free bytes"), "{error}");
    blocks.pop();
    region.allocate(3_000_000).map(|_| ())
}

#[test]
fn other_types_are_refused_and_a_reader_changes_nothing() -> Result<(), Error> {
    record! {
        struct Params { a: f64, step: u32 }
    }
    let region = Region::temporary()?;
    let params = region.structure::<Params>("params")?;
    params.a.set(0.5);
    params.step.atomic().fetch_add(2, std::sync::atomic::Ordering::SeqCst);
    let code = |error: Option<Error>| error.map(|error| error.code());
    assert_eq!(code(region.array::<f32>("params", &[]).err()), Some(Code::TypeMismatch));
    assert_eq!(code(region.load_array::<f32>(&params.token()?).err()), Some(Code::TypeMismatch));
    let reader = Region::options().mode(Mode::ReadOnly).open(&region.path().to_string_lossy())?;
    let read = reader.structure::<Params>("params")?;
    assert_eq!((read.a.get(), read.step.get()), (0.5, 2));
    assert_eq!(code(reader.allocate(1).err()), Some(Code::ReadOnly));
    assert_eq!(code(reader.queue("steps").consumer().err()), Some(Code::ReadOnly));
    assert_eq!(code(region.queue("a\0b").producer().err()), Some(Code::BadArgument));
    Ok(())
}
