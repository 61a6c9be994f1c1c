//! The types of keys and values of maps.

use std::borrow::Borrow;
use std::mem::{self, MaybeUninit};
use std::os::raw::c_void;
use std::ptr;

use crate::number::Sealed;
use crate::{Integer, Record};

/// The address of an entry's part, and its bytes. Those of a struct may have padding, which has no value, so they are no
/// slice.
#[doc(hidden)]
pub type Part = (*const c_void, usize);

/// What the keys of a [`Map`](crate::Map) can be: `String`, or an [`Integer`].
pub trait Key: Sized + Borrow<Self::Borrowed> + Sealed {
    /// What a key is looked up by, such as `str`.
    type Borrowed: ?Sized;
    #[doc(hidden)]
    const KEY: &'static str;
    #[doc(hidden)]
    fn key(key: &Self::Borrowed) -> Part;
    #[doc(hidden)]
    fn from_key(bytes: &[u8]) -> Option<Self>;
}

/// What the values of a [`Map`](crate::Map) can be: `String`, `Vec<u8>`, or a [`Record`].
pub trait Value: Sized {
    /// What a value is set to, such as `str`.
    type Borrowed: ?Sized;
    #[doc(hidden)]
    const VALUE: &'static str;
    #[doc(hidden)]
    fn value(value: &Self::Borrowed) -> Part;
    #[doc(hidden)]
    fn from_value(bytes: &[u8]) -> Option<Self>;
    #[doc(hidden)]
    fn borrow_value(&self) -> &Self::Borrowed;
}

fn part_of(bytes: &[u8]) -> Part {
    (bytes.as_ptr().cast(), bytes.len())
}

impl Sealed for String {}

impl Key for String {
    type Borrowed = str;
    const KEY: &'static str = "string";

    fn key(key: &str) -> Part {
        part_of(key.as_bytes())
    }

    fn from_key(bytes: &[u8]) -> Option<String> {
        Some(String::from_utf8_lossy(bytes).into_owned())
    }
}

impl<T: Integer> Key for T {
    type Borrowed = T;
    const KEY: &'static str = T::TYPE;

    fn key(key: &T) -> Part {
        T::value(key)
    }

    fn from_key(bytes: &[u8]) -> Option<T> {
        T::from_value(bytes)
    }
}

impl Value for String {
    type Borrowed = str;
    const VALUE: &'static str = "string";

    fn value(value: &str) -> Part {
        part_of(value.as_bytes())
    }

    fn from_value(bytes: &[u8]) -> Option<String> {
        Some(String::from_utf8_lossy(bytes).into_owned())
    }

    fn borrow_value(&self) -> &str {
        self
    }
}

impl Value for Vec<u8> {
    type Borrowed = [u8];
    const VALUE: &'static str = "bytes";

    fn value(value: &[u8]) -> Part {
        part_of(value)
    }

    fn from_value(bytes: &[u8]) -> Option<Vec<u8>> {
        Some(bytes.to_vec())
    }

    fn borrow_value(&self) -> &[u8] {
        self
    }
}

impl<T: Record> Value for T {
    type Borrowed = T;
    const VALUE: &'static str = T::TYPE;

    fn value(value: &T) -> Part {
        let value: *const T = value;
        (value.cast(), mem::size_of::<T>())
    }

    fn from_value(bytes: &[u8]) -> Option<T> {
        if bytes.len() != mem::size_of::<T>() {
            return None;
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: There are so many bytes, and any bytes are a T.
        Some(unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), value.as_mut_ptr().cast(), bytes.len());
            value.assume_init()
        })
    }

    fn borrow_value(&self) -> &T {
        self
    }
}
