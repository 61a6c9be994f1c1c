use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::raw::{c_char, c_int, c_void};
use std::ptr;
use std::slice;

use dhmem_sys as sys;

use crate::opened::Opened;
use crate::opening::text;
use crate::queue::pointer;
use crate::records::type_of;
use crate::{Code, Error, Live, Number, Record, Region};

/// An array of numbers in a region, which everybody who opens it shares: [`Region::array`].
///
/// It is a slice of [`Live`] numbers, in row-major order.
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let grid = region.array::<f64>("grid", &[1000, 3])?;
/// grid[0].set(0.5);
/// grid.at(&[999, 2]).set(1.5);
/// assert_eq!(grid.iter().map(|number| number.get()).sum::<f64>(), 2.0);
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Array<T: Number> {
    opened: Opened<sys::dhmem_memory>,
    data: *const Live<T>,
    shape: Vec<usize>,
    length: usize,
}

/// A struct in a region, which everybody who opens it shares: [`Region::structure`]. Its fields are [`Live`].
///
/// ```
/// use dhmem::{record, Region};
///
/// record! {
///     /// The parameters of a run.
///     pub struct Params { pub a: f64, pub step: u32 }
/// }
///
/// let region = Region::temporary()?;
/// let params = region.structure::<Params>("params")?;
/// params.a.set(1.5);
/// params.step.set(params.step.get() + 1);
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Structure<T: Record> {
    opened: Opened<sys::dhmem_memory>,
    data: *const T::Live,
    record: PhantomData<T>,
}

// SAFETY: Its memory stays while it is open, and every access to it is atomic.
unsafe impl<T: Number> Send for Array<T> {}
// SAFETY: As above.
unsafe impl<T: Number> Sync for Array<T> {}
// SAFETY: As above.
unsafe impl<T: Record> Send for Structure<T> {}
// SAFETY: As above.
unsafe impl<T: Record> Sync for Structure<T> {}

impl Region {
    /// Opens an array, or creates it with zeros. If the shape is `&[]`, it must exist, and may have any shape.
    ///
    /// # Errors
    ///
    /// [`TypeMismatch`](crate::Code::TypeMismatch), [`NotFound`](crate::Code::NotFound),
    /// [`RegionFull`](crate::Code::RegionFull), [`NoSpace`](crate::Code::NoSpace),
    /// [`ReadOnly`](crate::Code::ReadOnly).
    pub fn array<T: Number>(&self, name: &str, shape: &[usize]) -> Result<Array<T>, Error> {
        let sizes: Vec<_> = shape.iter().map(usize::to_string).collect();
        let kind = text("The type", &format!("{}[{}]", T::TYPE, sizes.join(",")))?;
        let kind = if shape.is_empty() { ptr::null() } else { kind.as_ptr() };
        let name = Some(text("The array's name", name)?);
        // SAFETY: The texts end with a zero, and the library sets `memory` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, name, |region, name, memory| {
                sys::dhmem_array_open(region, pointer(name), kind, ptr::null(), memory)
            })
        };
        Array::new(opened?)
    }

    /// The array that a token refers to.
    ///
    /// # Errors
    ///
    /// [`BadHandle`](crate::Code::BadHandle), [`TypeMismatch`](crate::Code::TypeMismatch).
    pub fn load_array<T: Number>(&self, token: &str) -> Result<Array<T>, Error> {
        Array::new(self.load_memory(token)?)
    }

    /// Opens a struct, or creates it with zeros.
    ///
    /// # Errors
    ///
    /// As [`Region::array`].
    pub fn structure<T: Record>(&self, name: &str) -> Result<Structure<T>, Error> {
        let kind = type_of::<T>()?;
        let name = Some(text("The structure's name", name)?);
        // SAFETY: The texts end with a zero, and the library sets `memory` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, name, |region, name, memory| {
                sys::dhmem_struct_open(region, pointer(name), kind.as_ptr(), ptr::null(), memory)
            })
        };
        Structure::new(opened?)
    }

    /// The struct that a token refers to.
    ///
    /// # Errors
    ///
    /// As [`Region::load_array`].
    pub fn load_structure<T: Record>(&self, token: &str) -> Result<Structure<T>, Error> {
        Structure::new(self.load_memory(token)?)
    }

    fn load_memory(&self, token: &str) -> Result<Opened<sys::dhmem_memory>, Error> {
        let token = text("The token", token)?;
        // SAFETY: The token ends with a zero, and the library sets `memory` if it returns DHMEM_OK.
        unsafe {
            Opened::new(&self.opening, None, |region, _, memory| {
                sys::dhmem_memory_load(region, token.as_ptr(), memory)
            })
        }
    }
}

/// Where memory is, its bytes, and its type.
fn look_up(opened: &Opened<sys::dhmem_memory>) -> (*const c_void, usize, String) {
    let mut found = (ptr::null(), 0, String::new());
    opened.code(|memory| {
        // SAFETY: The memory is open, and its type ends with a zero.
        unsafe {
            let kind = CStr::from_ptr(sys::dhmem_memory_type(memory)).to_string_lossy().into_owned();
            found = (sys::dhmem_memory_data(memory) as *const c_void, sys::dhmem_memory_length(memory), kind);
        }
        sys::DHMEM_OK
    });
    found
}

fn mismatch(opened: &Opened<sys::dhmem_memory>, found: &str, asked: &str) -> Error {
    let name = opened.name();
    let name = if name.is_empty() { "The token's object" } else { name };
    Error::new(
        Code::TypeMismatch,
        format!("{name} has the type {found}, but was opened as {asked}; open it as what it is"),
    )
}

impl<T: Number> Array<T> {
    fn new(opened: Opened<sys::dhmem_memory>) -> Result<Array<T>, Error> {
        let (data, bytes, kind) = look_up(&opened);
        let sizes = kind.strip_prefix(T::TYPE).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']'));
        let shape: Option<Vec<usize>> =
            sizes.and_then(|sizes| sizes.split(',').map(|size| size.parse().ok()).collect());
        let length = bytes / std::mem::size_of::<T>();
        match shape {
            // The library has checked that the type has so many bytes. An empty array has no memory.
            Some(shape) if length == 0 => {
                Ok(Array { opened, data: ptr::NonNull::dangling().as_ptr(), shape, length })
            }
            Some(shape) => Ok(Array { opened, data: data.cast(), shape, length }),
            None => Err(mismatch(&opened, &kind, T::TYPE)),
        }
    }

    /// The sizes of its dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number with this index.
    ///
    /// # Panics
    ///
    /// If the index is not inside the shape.
    pub fn at(&self, index: &[usize]) -> &Live<T> {
        assert!(index.len() == self.shape.len(), "the array has {} dimensions", self.shape.len());
        let flat = index.iter().zip(&self.shape).fold(0, |flat, (&index, &size)| {
            assert!(index < size, "the index is {index}, and the size of its dimension {size}");
            flat * size + index
        });
        &self[flat]
    }

    /// A token: text under which any process finds it again.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::Code::Closed) if another participant has removed it.
    pub fn token(&self) -> Result<String, Error> {
        token(&self.opened)
    }
}

impl<T: Number> Deref for Array<T> {
    type Target = [Live<T>];

    fn deref(&self) -> &[Live<T>] {
        // SAFETY: The library has checked that the memory is there and aligned. It stays while the array is open.
        unsafe { slice::from_raw_parts(self.data, self.length) }
    }
}

impl<T: Record> Structure<T> {
    fn new(opened: Opened<sys::dhmem_memory>) -> Result<Structure<T>, Error> {
        let (data, bytes, kind) = look_up(&opened);
        if kind == T::TYPE && bytes == std::mem::size_of::<T>() {
            return Ok(Structure { opened, data: data.cast(), record: PhantomData });
        }
        Err(mismatch(&opened, &kind, T::TYPE))
    }

    /// As [`Array::token`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn token(&self) -> Result<String, Error> {
        token(&self.opened)
    }
}

impl<T: Record> Deref for Structure<T> {
    type Target = T::Live;

    fn deref(&self) -> &T::Live {
        // SAFETY: The library has checked that the memory is there and aligned. It stays while the structure is open.
        unsafe { &*self.data }
    }
}

fn token(opened: &Opened<sys::dhmem_memory>) -> Result<String, Error> {
    // SAFETY: The memory is open, and there is room for a token.
    with_token(|token| opened.call(|memory| unsafe { sys::dhmem_memory_save(memory, token) }))
}

/// The token that `save` writes, with a zero at its end.
pub(crate) fn with_token(save: impl FnOnce(*mut c_char) -> Result<c_int, Error>) -> Result<String, Error> {
    let mut token = [0_u8; sys::DHMEM_TOKEN_BYTES];
    save(token.as_mut_ptr().cast())?;
    Ok(String::from_utf8_lossy(&token[..sys::DHMEM_TOKEN_BYTES - 1]).into_owned())
}

impl<T: Number> fmt::Debug for Array<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Array").field("name", &self.opened.name()).field("shape", &self.shape).finish()
    }
}

impl<T: Record> fmt::Debug for Structure<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Structure").field("name", &self.opened.name()).field("type", &T::TYPE).finish()
    }
}
