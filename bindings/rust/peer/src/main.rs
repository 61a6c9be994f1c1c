//! A participant in Rust that a test drives by the commands of `test/c/peer.c`: it reads a command from each line, and
//! answers with a line. Errors are answered with their code and text. Some commands are its own:
//!
//!     get-params                  set-params A STEP       (the struct "params")
//!     token NAME                  load NAME TOKEN         (of arrays)
//!     points - KEY X              (sets an entry of the map "points", and answers with the old one)
//!     read-only PATH              pace QUEUE BATCHES      (for bench.mjs)
//!
//! A mutex that is held and a message that is kept are values on the stack here: commands go on inside them.
#![deny(unsafe_code)]

mod chaos;
mod objects;
mod pace;
mod process;
mod queues;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use dhmem::{Block, Consumer, Error, Mode, Mutex, Producer, Region};

/// What commands have opened, by name.
type Named<T> = RefCell<HashMap<String, Rc<T>>>;

#[derive(Default)]
pub struct Peer {
    region: RefCell<Option<Region>>,
    path: RefCell<String>,
    /// For the commands about records.
    patience: RefCell<Option<Duration>>,
    producers: Named<RefCell<Producer>>,
    consumers: Named<Consumer>,
    mutexes: Named<Mutex>,
    blocks: RefCell<HashMap<String, Block>>,
    objects: objects::Objects,
}

/// What is answered instead.
pub enum Failure {
    Dhmem(Error),
    /// What the types of Rust rule out: another program would be told the same at run time.
    Words(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Dhmem(error)
    }
}

pub type Answer = Result<String, Failure>;

/// A command: its name, the thing it is about, and the rest of the line.
pub struct Line<'l> {
    command: &'l str,
    name: &'l str,
    rest: &'l str,
}

impl<'l> Line<'l> {
    fn new(line: &'l str) -> Line<'l> {
        let (command, after) = line.split_once(' ').unwrap_or((line, ""));
        let (name, rest) = after.split_once(' ').unwrap_or((after, ""));
        Line { command, name, rest }
    }

    /// The rest as a number, and what is behind it.
    fn number(&self) -> (f64, &'l str) {
        number(self.rest)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.number().0 / 1000.0)
    }
}

fn number(text: &str) -> (f64, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word.parse().unwrap_or(0.0), rest)
}

/// Why commands end, inside something that is on the stack.
pub enum End {
    Input,
    Close,
    Unlock(String),
}

fn say(answer: Answer) {
    match answer {
        Ok(text) => println!("{text}"),
        Err(Failure::Dhmem(error)) => println!("{} {}", error.code(), error),
        Err(Failure::Words(words)) => println!("{words}"),
    }
    std::io::stdout().flush().expect("someone reads the answers");
}

pub fn told<T>(found: Option<T>, name: &str) -> Result<T, Failure> {
    found.ok_or_else(|| Failure::Words(format!("missing {name}")))
}

impl Peer {
    fn region(&self) -> Result<Region, Failure> {
        let region = self.region.borrow().clone();
        let words = || {
            Failure::Words(format!("DHMEM_CLOSED The region {} is closed; open it again", self.path.borrow()))
        };
        region.ok_or_else(words)
    }

    fn open(&self, line: &Line) -> Answer {
        let options = Region::options().size(16 << 20);
        let options =
            if line.command == "read-only" { options.mode(Mode::ReadOnly) } else { options.label(line.rest) };
        let region = options.open(line.name)?;
        self.path.replace(region.path().display().to_string());
        self.region.replace(Some(region));
        Ok("open".into())
    }

    fn close(&self) {
        self.producers.take();
        self.consumers.take();
        self.mutexes.take();
        self.blocks.take();
        self.objects.close();
        self.region.take();
    }

    fn mutex(&self, name: &str) -> Result<Rc<Mutex>, Failure> {
        let region = self.region()?;
        let found = self.mutexes.borrow().get(name).cloned();
        let mutex = found.map_or_else(|| region.mutex(name).map(Rc::new), Ok)?;
        self.mutexes.borrow_mut().insert(name.into(), Rc::clone(&mutex));
        Ok(mutex)
    }

    /// Locks a mutex, and serves commands until it is to be unlocked.
    fn lock(&self, line: &Line) -> Result<Option<End>, Failure> {
        let mutex = self.mutex(line.name)?;
        let region = self.region()?;
        let held = match line.command {
            "lock" => mutex.lock_timeout(line.timeout())?,
            _ => loop {
                region.descriptor()?;
                if let Some(held) = mutex.try_lock()? {
                    break held;
                }
                process::wait_at_descriptor(&region)?;
            },
        };
        say(Ok(if held.abandoned() { "abandoned" } else { "locked" }.into()));
        match self.serve() {
            End::Unlock(name) if name == line.name => {
                held.unlock()?;
                say(Ok("unlocked".into()));
                Ok(None)
            }
            end => Ok(Some(end)),
        }
    }

    fn answer(&self, line: &Line) -> Answer {
        let found = queues::answer(self, line).or_else(|| objects::answer(self, line));
        match line.command {
            "open" | "read-only" => self.open(line),
            "patience" => {
                let milliseconds: f64 = line.name.parse().unwrap_or(0.0);
                self.patience.replace(Some(Duration::from_secs_f64(milliseconds / 1000.0)));
                Ok("patient".into())
            }
            "trim" => self.region()?.trim().map(|_| "trimmed".into()).map_err(Failure::from),
            "remove" => {
                let removed = self.region()?.remove(line.name)?;
                Ok(if removed { "removed" } else { "not there" }.into())
            }
            "pace" => pace::run(self, line),
            "chaos" => chaos::run(&self.region()?, line),
            "fork" => {
                let producers = self.producers.borrow();
                let producer = told(producers.get(line.name), line.name)?.borrow();
                process::fork_twice(&self.region()?, &producer)
            }
            "die" => process::die(),
            _ => found.unwrap_or_else(|| Ok(format!("unknown command {}", line.command))),
        }
    }

    fn serve(&self) -> End {
        let mut text = String::new();
        loop {
            text.clear();
            if std::io::stdin().read_line(&mut text).expect("commands are UTF-8") == 0 {
                return End::Input;
            }
            let line = Line::new(text.trim_end_matches('\n'));
            let end = match line.command {
                "close" => return End::Close,
                "unlock" => return End::Unlock(line.name.into()),
                "lock" | "poll-lock" => self.lock(&line),
                "hold" => queues::hold(self, &line),
                _ => {
                    say(self.answer(&line));
                    Ok(None)
                }
            };
            match end {
                Ok(Some(end)) => return end,
                Ok(None) => (),
                Err(failure) => say(Err(failure)),
            }
        }
    }
}

fn main() {
    let peer = Peer::default();
    loop {
        match peer.serve() {
            End::Input => break,
            End::Close => {
                peer.close();
                say(Ok("closed".into()));
            }
            End::Unlock(name) => say(Ok(format!("{name} is not locked"))),
        }
    }
}
