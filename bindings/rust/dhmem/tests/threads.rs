//! What may be sent to other threads and shared with them, and that it works.

use std::thread;
use std::time::Duration;

use dhmem::*;

fn both<T: Send + Sync>() {}

record! {
    struct Step { a: f64, step: u32 }
}

#[test]
fn everything_is_send_and_sync() {
    both::<Region>();
    both::<Options>();
    both::<Queue<'_>>();
    both::<Producer>();
    both::<Consumer>();
    both::<Message<'_>>();
    both::<Messages<'_>>();
    both::<Reservation<'_>>();
    both::<Block>();
    both::<SavedBlock>();
    both::<Records<'_, Step>>();
    both::<RecordProducer<Step>>();
    both::<RecordConsumer<Step>>();
    both::<Array<f64>>();
    both::<Structure<Step>>();
    both::<Vector<f64>>();
    both::<Map<String, Step>>();
    both::<Mutex>();
    both::<Held<'_>>();
    both::<Condition>();
    both::<Error>();
    both::<Unsent>();
    both::<Live<f64>>();
}

#[test]
fn a_thread_that_waits_does_not_hold_up_the_others() -> Result<(), Error> {
    const COUNT: u32 = 5000;
    let region = Region::temporary()?;
    let there = region.queue("there").capacity(256).consumer()?;
    let back = region.queue("back").capacity(256).producer()?;
    // Both threads wait at the same region, most of the time.
    let echo = thread::spawn(move || -> Result<(), Error> {
        for message in &there {
            back.send(message?.bytes())?;
        }
        back.end()
    });
    let there = region.queue("there").producer()?;
    let back = region.queue("back").timeout(Duration::from_secs(60)).consumer()?;
    for i in 0..COUNT {
        there.send([i])?;
        let message = back.receive()?.expect("it comes back");
        assert_eq!(message.as_slice::<u32>()?, [i]);
    }
    there.end()?;
    assert!(back.receive()?.is_none());
    echo.join().expect("no panic")
}

#[test]
fn threads_share_one_consumer() -> Result<(), Error> {
    const COUNT: usize = 3000;
    let region = Region::temporary()?;
    let producer = region.queue("numbers").capacity(1024).producer()?;
    let consumer = region.queue("numbers").consumer()?;
    let total: u64 = thread::scope(|scope| -> Result<u64, Error> {
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| -> Result<u64, Error> {
                    let mut sum = 0;
                    for message in &consumer {
                        sum += message?.as_slice::<u64>()?[0];
                    }
                    Ok(sum)
                })
            })
            .collect();
        for i in 0..COUNT {
            producer.send([i as u64])?;
        }
        producer.end()?;
        receivers.into_iter().map(|receiver| receiver.join().expect("no panic")).sum()
    })?;
    assert_eq!(total, (COUNT * (COUNT - 1) / 2) as u64);
    Ok(())
}

#[test]
fn no_update_of_a_map_is_lost_between_threads_of_one_opening() -> Result<(), Error> {
    let region = Region::temporary()?;
    let counts = region.map::<String, f64>("counts")?;
    let other = region.map::<String, f64>("counts")?;
    thread::scope(|scope| {
        for counts in [&counts, &other] {
            scope.spawn(move || {
                for _ in 0..1000 {
                    counts.update("both", |old| old.unwrap_or(0.0) + 1.0).expect("an update");
                }
            });
        }
    });
    assert_eq!(counts.get("both")?, Some(2000.0));
    // A change inside an update would wait for itself.
    let mut inner = None;
    counts.update("both", |old| {
        inner = other.set("x", &1.0).err();
        old.unwrap_or(0.0)
    })?;
    assert_eq!(inner.map(|error| error.code()), Some(Code::BadArgument));
    Ok(())
}

#[test]
fn a_mutex_is_held_by_the_opening_and_not_by_a_thread() -> Result<(), Error> {
    let region = Region::temporary()?;
    let turn = region.mutex("turn")?;
    let held = turn.lock()?;
    let code = thread::scope(|scope| {
        let locking = scope.spawn(|| turn.lock().map(|_| ()).map_err(|error| error.code()));
        locking.join().expect("no panic")
    });
    assert_eq!(code, Err(Code::BadArgument));
    // Another opening waits.
    let other = Region::open(&region.path().to_string_lossy())?;
    let other = other.mutex("turn")?;
    assert!(other.try_lock()?.is_none());
    // It may be unlocked by another thread.
    thread::scope(|scope| scope.spawn(move || held.unlock()).join().expect("no panic"))?;
    assert!(!other.lock()?.abandoned());
    Ok(())
}

#[test]
fn a_mutex_is_not_locked_by_another_thread_while_one_waits_for_a_condition() -> Result<(), Error> {
    let region = Region::temporary()?;
    let (turn, changed) = (region.mutex("turn")?, region.condition("changed")?);
    let state = region.array::<u32>("state", &[2])?;
    let other = Region::open(&region.path().to_string_lossy())?;
    let (others_turn, others_changed) = (other.mutex("turn")?, other.condition("changed")?);
    thread::scope(|scope| -> Result<(), Error> {
        let waiting = scope.spawn(|| -> Result<(), Error> {
            let mut held = turn.lock()?;
            state[0].set(1);
            changed.wait(&mut held, || state[1].get() == 1)?;
            held.unlock()
        });
        while state[0].get() == 0 {
            thread::yield_now();
        }
        let again = region.mutex("turn")?;
        assert_eq!(again.lock().map_err(|error| error.code()).err(), Some(Code::BadArgument));
        let held = others_turn.lock()?;
        state[1].set(1);
        others_changed.notify_all()?;
        held.unlock()?;
        waiting.join().expect("no panic")
    })?;
    let held = turn.lock()?;
    held.unlock()
}

#[test]
fn a_condition_passes_a_panic_on_and_has_the_mutex_afterwards() -> Result<(), Error> {
    let region = Region::temporary()?;
    let (turn, changed) = (region.mutex("turn")?, region.condition("changed")?);
    let mut held = turn.lock()?;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        // It may use the region meanwhile.
        changed.wait(&mut held, || {
            region.array::<u8>("in between", &[1]).map_or(false, |_| panic!("in between"))
        })
    }));
    assert!(panicked.is_err());
    let late = changed.wait_timeout(&mut held, || false, Duration::from_millis(1));
    assert_eq!(late.map_err(|error| error.code()), Err(Code::Timeout));
    held.unlock()
}
