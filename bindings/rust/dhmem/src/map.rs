use std::fmt;
use std::marker::PhantomData;
use std::os::raw::c_void;
use std::slice;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::{checked, text};
use crate::queue::pointer;
use crate::{Code, Error, Key, Region, Value};

/// A hash map, which everybody who opens it shares: [`Region::map`].
///
/// It has a mutex of its own, so changes wait for one another; each is atomic, even if its participant dies. Reading never
/// waits, and copies.
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let best = region.map::<String, f64>("best")?;
/// best.set("run 7", &0.25)?;
/// assert_eq!(best.get("run 7")?, Some(0.25));
/// best.update("count", |old| old.unwrap_or(0.0) + 1.0)?;
/// for (key, value) in best.entries()? {
///     println!("{key}: {value}");
/// }
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Map<K: Key, V: Value> {
    opened: Opened<sys::dhmem_map>,
    entry: PhantomData<fn(K) -> V>,
}

impl Region {
    /// Opens a map, or creates an empty one.
    ///
    /// # Errors
    ///
    /// As [`Region::array`].
    pub fn map<K: Key, V: Value>(&self, name: &str) -> Result<Map<K, V>, Error> {
        let (key, value) = (text("The type", K::KEY)?, text("The type", V::VALUE)?);
        let name = Some(text("The map's name", name)?);
        // SAFETY: The texts end with a zero, and the library sets `map` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, name, |region, name, map| {
                sys::dhmem_map_open(region, pointer(name), key.as_ptr(), value.as_ptr(), map)
            })
        };
        Ok(Map { opened: opened?, entry: PhantomData })
    }
}

/// Room for a value before it is known how long it is.
const ROOM: usize = 256;

impl<K: Key, V: Value> Map<K, V> {
    /// A copy of the value for this key.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::Code::Closed) if it was removed, [`Timeout`](crate::Code::Timeout) if it changes all the time,
    /// [`BadArgument`](crate::Code::BadArgument) for a key of more than 1024 bytes, and those of a region that can't be used
    /// any more.
    pub fn get(&self, key: &K::Borrowed) -> Result<Option<V>, Error> {
        let (key, key_length) = K::key(key);
        let mut room = [0_u8; ROOM];
        let mut larger = Vec::new();
        let mut value = &mut room[..];
        loop {
            let (into, most): (*mut c_void, _) = (value.as_mut_ptr().cast(), value.len());
            let mut length = 0;
            // SAFETY: The map is open, the key is there, and so is the room for the value.
            let code = self.opened.wait_code(|map| unsafe {
                sys::dhmem_map_get(map, key, key_length, into, most, &mut length)
            });
            if code == sys::DHMEM_NOT_FOUND {
                return Ok(None);
            }
            checked(code)?;
            if length <= most {
                return self.value_of(&value[..length]).map(Some);
            }
            larger.resize(length, 0);
            value = &mut larger;
        }
    }

    /// Whether there is a value for this key.
    ///
    /// # Errors
    ///
    /// As [`Map::get`].
    pub fn contains_key(&self, key: &K::Borrowed) -> Result<bool, Error> {
        let (key, key_length) = K::key(key);
        let mut length = 0;
        // SAFETY: The map is open, and the key is there. There is no room for a value, so none is copied.
        let code = self.opened.wait_code(|map| unsafe {
            sys::dhmem_map_get(map, key, key_length, std::ptr::null_mut(), 0, &mut length)
        });
        if code == sys::DHMEM_NOT_FOUND {
            return Ok(false);
        }
        checked(code).map(|_| true)
    }

    /// Sets the value for this key.
    ///
    /// # Errors
    ///
    /// As [`Map::get`]; [`RegionFull`](crate::Code::RegionFull), [`NoSpace`](crate::Code::NoSpace),
    /// [`ReadOnly`](crate::Code::ReadOnly).
    pub fn set(&self, key: &K::Borrowed, value: &V::Borrowed) -> Result<(), Error> {
        self.opened.opening.exclusively(|| self.set_alone(key, value))
    }

    /// Removes this key, and tells whether it was there.
    ///
    /// # Errors
    ///
    /// As [`Map::set`].
    pub fn remove(&self, key: &K::Borrowed) -> Result<bool, Error> {
        let (key, key_length) = K::key(key);
        let mut removed = false;
        self.opened.opening.exclusively(|| {
            // SAFETY: The map is open, and the key is there.
            self.opened.wait(|map| unsafe { sys::dhmem_map_delete(map, key, key_length, &mut removed) })
        })?;
        Ok(removed)
    }

    /// Changes the value for this key in one step: `change` gets the old value, and returns the new one, which is returned.
    /// Meanwhile nobody else changes the map.
    ///
    /// # Errors
    ///
    /// As [`Map::set`]; [`BadArgument`](crate::Code::BadArgument) if `change` changes a map itself.
    pub fn update(&self, key: &K::Borrowed, change: impl FnOnce(Option<V>) -> V) -> Result<V, Error> {
        /// Also when `change` panics.
        struct Unlocking<'a>(&'a Opened<sys::dhmem_map>);
        impl Drop for Unlocking<'_> {
            fn drop(&mut self) {
                // SAFETY: The map is open.
                self.0.code(|map| unsafe { sys::dhmem_map_unlock(map) });
            }
        }
        self.opened.opening.exclusively(|| {
            // SAFETY: The map is open.
            self.opened.wait(|map| unsafe { sys::dhmem_map_lock(map, -1.0) })?;
            let _unlocking = Unlocking(&self.opened);
            let value = change(self.get(key)?);
            self.set_alone(key, value.borrow_value())?;
            Ok(value)
        })
    }

    /// The number of entries.
    ///
    /// # Errors
    ///
    /// As [`Map::get`].
    pub fn len(&self) -> Result<usize, Error> {
        let mut size = 0;
        // SAFETY: The map is open.
        self.opened.call(|map| unsafe { sys::dhmem_map_size(map, &mut size) })?;
        Ok(size)
    }

    /// Whether it has no entries.
    ///
    /// # Errors
    ///
    /// As [`Map::get`].
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.len().map(|length| length == 0)
    }

    /// Copies of all entries, as they are at one moment, in no particular order.
    ///
    /// # Errors
    ///
    /// As [`Map::get`].
    pub fn entries(&self) -> Result<Vec<(K, V)>, Error> {
        let mut entries: Vec<Option<(K, V)>> = Vec::new();
        let context: *mut Vec<_> = &mut entries;
        // SAFETY: The map is open, and the function gets the context that it expects.
        self.opened.wait(|map| unsafe { sys::dhmem_map_each(map, Some(collect::<K, V>), context.cast()) })?;
        entries.into_iter().map(|entry| entry.ok_or_else(corrupt)).collect()
    }

    fn set_alone(&self, key: &K::Borrowed, value: &V::Borrowed) -> Result<(), Error> {
        let ((key, key_length), (value, value_length)) = (K::key(key), V::value(value));
        // SAFETY: The map is open, and key and value are there.
        self.opened
            .wait(|map| unsafe { sys::dhmem_map_set(map, key, key_length, value, value_length) })
            .map(|_| ())
    }

    fn value_of(&self, bytes: &[u8]) -> Result<V, Error> {
        V::from_value(bytes).ok_or_else(corrupt)
    }
}

fn corrupt() -> Error {
    Error::new(Code::Corrupt, "An entry of a map has another length than its type says; remove the map")
}

/// # Safety
///
/// The context is a vector of such entries, and key and value are there.
unsafe extern "C" fn collect<K: Key, V: Value>(
    context: *mut c_void,
    key: *const c_void,
    key_length: usize,
    value: *const c_void,
    value_length: usize,
) -> bool {
    // SAFETY: The caller says so. They are copies, which are not null unless they are empty.
    let (entries, key, value) = unsafe {
        let entries = &mut *context.cast::<Vec<Option<(K, V)>>>();
        let key = slice::from_raw_parts(key.cast(), key_length);
        (entries, key, slice::from_raw_parts(value.cast(), value_length))
    };
    entries.push(K::from_key(key).zip(V::from_value(value)));
    true
}

impl<K: Key, V: Value> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("name", &self.opened.name()).finish()
    }
}
