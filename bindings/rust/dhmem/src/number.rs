use std::sync::atomic::{
    AtomicI16, AtomicI32, AtomicI64, AtomicI8, AtomicU16, AtomicU32, AtomicU64, AtomicU8, Ordering,
};

use crate::Live;

mod sealed {
    pub trait Sealed {}
}
pub(crate) use sealed::Sealed;

/// A type that memory in a region can have: a [`Number`], or a struct that [`record!`](crate::record) declares.
///
/// # Safety
///
/// Any bytes are a value of it, its layout is the one that `TYPE` has in dhmem, and `Live` has the same layout. Only
/// [`record!`](crate::record) implements it.
pub unsafe trait Record: Copy + Send + Sync + 'static {
    /// The same in shared memory: each number is a [`Live`] one.
    type Live: Sync + 'static;
    /// The type as text, such as `"f64"` or `"{ a: f64, step: u32 }"`.
    const TYPE: &'static str;
}

/// A number as the languages that use dhmem have them: `i8`, `u8`, `i16`, `u16`, `i32`, `u32`, `i64`, `u64`, `f32`, `f64`.
pub trait Number: Record<Live = Live<Self>> + Default + PartialEq + Sealed {
    #[doc(hidden)]
    type Atomic: Sync;
    #[doc(hidden)]
    fn load(from: &Self::Atomic) -> Self;
    #[doc(hidden)]
    fn store(self, into: &Self::Atomic);
}

/// A [`Number`] without a fraction.
pub trait Integer: Number {}

macro_rules! number {
    ($($type:ident in $atomic:ident by $from:expr, $into:expr;)*) => {$(
        // SAFETY: Any bytes are such a number. `Live` is transparent.
        unsafe impl Record for $type {
            type Live = Live<$type>;
            const TYPE: &'static str = stringify!($type);
        }
        impl Sealed for $type {}
        impl Number for $type {
            type Atomic = $atomic;
            fn load(from: &$atomic) -> $type {
                $from(from.load(Ordering::Relaxed))
            }
            fn store(self, into: &$atomic) {
                into.store($into(self), Ordering::Relaxed);
            }
        }
    )*};
}

number! {
    i8 in AtomicI8 by i8::from, i8::from;
    u8 in AtomicU8 by u8::from, u8::from;
    i16 in AtomicI16 by i16::from, i16::from;
    u16 in AtomicU16 by u16::from, u16::from;
    i32 in AtomicI32 by i32::from, i32::from;
    u32 in AtomicU32 by u32::from, u32::from;
    i64 in AtomicI64 by i64::from, i64::from;
    u64 in AtomicU64 by u64::from, u64::from;
    f32 in AtomicU32 by f32::from_bits, f32::to_bits;
    f64 in AtomicU64 by f64::from_bits, f64::to_bits;
}

macro_rules! integer {
    ($($type:ident)*) => { $(impl Integer for $type {})* };
}

integer! { i8 u8 i16 u16 i32 u32 i64 u64 }

/// What can be sent: text, or numbers.
pub trait Payload {
    #[doc(hidden)]
    fn payload(&self) -> &[u8];
}

impl Payload for str {
    fn payload(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Payload for String {
    fn payload(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<T: Number> Payload for [T] {
    fn payload(&self) -> &[u8] {
        // SAFETY: Numbers have no padding, so all of these bytes are initialized.
        unsafe { std::slice::from_raw_parts(self.as_ptr().cast(), std::mem::size_of_val(self)) }
    }
}

impl<T: Number, const N: usize> Payload for [T; N] {
    fn payload(&self) -> &[u8] {
        self[..].payload()
    }
}

impl<T: Number> Payload for Vec<T> {
    fn payload(&self) -> &[u8] {
        self[..].payload()
    }
}

impl<P: Payload + ?Sized> Payload for &P {
    fn payload(&self) -> &[u8] {
        (**self).payload()
    }
}

/// Declares a struct that records, structures and values of maps can have.
///
/// Its fields are [numbers](Number), under their own names. It gets `Clone`, `Copy`, `Debug` and `PartialEq`, and has the
/// layout that the same struct has in other languages.
///
/// ```
/// use dhmem::{record, Record};
///
/// record! {
///     /// The parameters of a run.
///     pub struct Params {
///         /// What it starts at.
///         pub a: f64,
///         /// How far it is.
///         pub step: u32,
///     }
/// }
///
/// assert_eq!(Params::TYPE, "{ a: f64, step: u32 }");
/// assert_eq!(Params { a: 0.5, step: 1 }.a, 0.5);
/// ```
#[macro_export]
macro_rules! record {
    (
        $(#[$meta:meta])* $visible:vis struct $name:ident {
            $(#[$first_meta:meta])* $first_visible:vis $first:ident : $first_type:ident
            $(, $(#[$field_meta:meta])* $field_visible:vis $field:ident : $type:ident)* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[repr(C)]
        $visible struct $name {
            $(#[$first_meta])* $first_visible $first: $first_type,
            $($(#[$field_meta])* $field_visible $field: $type,)*
        }

        const _: () = {
            #[repr(C)]
            #[allow(missing_docs, missing_debug_implementations, unreachable_pub)]
            pub struct Fields {
                $(#[$first_meta])* pub $first: $crate::Live<$first_type>,
                $($(#[$field_meta])* pub $field: $crate::Live<$type>,)*
            }

            // A type by another name has another text.
            const _: () = $crate::check_type::<$first_type>(stringify!($first_type));
            $(const _: () = $crate::check_type::<$type>(stringify!($type));)*

            // SAFETY: Its fields are numbers, in the order and with the layout of C.
            unsafe impl $crate::Record for $name {
                type Live = Fields;
                const TYPE: &'static str = concat!(
                    "{ ", stringify!($first), ": ", stringify!($first_type),
                    $(", ", stringify!($field), ": ", stringify!($type),)*
                    " }"
                );
            }
        };
    };
}

/// For [`record!`]: the text must be the number's own.
#[doc(hidden)]
pub const fn check_type<T: Number>(text: &str) {
    let (own, given) = (T::TYPE.as_bytes(), text.as_bytes());
    assert!(own.len() == given.len(), "write the type of the field as i8, u8, …, f64");
    let mut i = 0;
    while i < own.len() {
        assert!(own[i] == given[i], "write the type of the field as i8, u8, …, f64");
        i += 1;
    }
}
