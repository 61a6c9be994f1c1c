use std::ffi::CStr;
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::os::raw::c_void;

use dhmem_sys as sys;

use crate::memory::with_token;
use crate::opened::Opened;
use crate::opening::text;
use crate::queue::pointer;
use crate::{Code, Error, Number, Region};

/// A sequence of numbers that grows, which everybody who opens it shares: [`Region::vector`]. It has a mutex of its own, so
/// changes wait for one another. Reading never waits, and copies.
///
/// ```
/// use dhmem::Region;
///
/// let region = Region::temporary()?;
/// let residuals = region.vector::<f64>("residuals")?;
/// residuals.extend(&[0.5, 0.25])?;
/// residuals.push(0.125)?;
/// assert_eq!(residuals.to_vec()?, [0.5, 0.25, 0.125]);
/// assert_eq!(residuals.get(2)?, Some(0.125));
/// # Ok::<(), dhmem::Error>(())
/// ```
pub struct Vector<T: Number> {
    opened: Opened<sys::dhmem_vector>,
    number: PhantomData<T>,
}

impl Region {
    /// Opens a vector, or creates an empty one.
    ///
    /// # Errors
    ///
    /// As [`Region::array`].
    pub fn vector<T: Number>(&self, name: &str) -> Result<Vector<T>, Error> {
        let kind = text("The dtype", T::TYPE)?;
        let name = Some(text("The vector's name", name)?);
        // SAFETY: The texts end with a zero, and the library sets `vector` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, name, |region, name, vector| {
                sys::dhmem_vector_open(region, pointer(name), kind.as_ptr(), vector)
            })
        };
        Ok(Vector { opened: opened?, number: PhantomData })
    }

    /// The vector that a token refers to.
    ///
    /// # Errors
    ///
    /// [`BadHandle`](crate::Code::BadHandle), [`TypeMismatch`](crate::Code::TypeMismatch).
    pub fn load_vector<T: Number>(&self, token: &str) -> Result<Vector<T>, Error> {
        let token = text("The token", token)?;
        // SAFETY: The token ends with a zero, and the library sets `vector` if it returns DHMEM_OK.
        let opened = unsafe {
            Opened::new(&self.opening, None, |region, _, vector| {
                sys::dhmem_vector_load(region, token.as_ptr(), vector)
            })
        }?;
        let mut found = "";
        opened.code(|vector| {
            // SAFETY: The vector is open, and its dtype is a constant.
            found = unsafe { CStr::from_ptr(sys::dhmem_vector_dtype(vector)) }.to_str().unwrap_or("");
            sys::DHMEM_OK
        });
        if found == T::TYPE {
            return Ok(Vector { opened, number: PhantomData });
        }
        let text = format!(
            "The token's vector is of {found}, but was loaded as one of {}; load it as that",
            T::TYPE
        );
        Err(Error::new(Code::TypeMismatch, text))
    }
}

impl<T: Number> Vector<T> {
    /// The number of elements.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::Code::Closed) if it was removed, [`Timeout`](crate::Code::Timeout) if it grows all the time, and
    /// those of a region that can't be used any more.
    pub fn len(&self) -> Result<usize, Error> {
        let (mut data, mut length) = (std::ptr::null_mut(), 0);
        // SAFETY: The vector is open.
        self.opened.call(|vector| unsafe { sys::dhmem_vector_view(vector, &mut data, &mut length) })?;
        Ok(length)
    }

    /// Whether it has no elements.
    ///
    /// # Errors
    ///
    /// As [`Vector::len`].
    pub fn is_empty(&self) -> Result<bool, Error> {
        self.len().map(|length| length == 0)
    }

    /// The element with this index.
    ///
    /// # Errors
    ///
    /// As [`Vector::len`].
    pub fn get(&self, index: usize) -> Result<Option<T>, Error> {
        let mut element = [T::default()];
        Ok((self.read(index, &mut element)? == 1).then_some(element[0]))
    }

    /// Copies elements from index `first` on, as many as there are and as fit, and returns their number.
    ///
    /// # Errors
    ///
    /// As [`Vector::len`].
    pub fn read(&self, first: usize, elements: &mut [T]) -> Result<usize, Error> {
        let into: *mut c_void = elements.as_mut_ptr().cast();
        let mut done = 0;
        // SAFETY: The vector is open, has elements of the type T, and there is room for so many.
        self.opened.call(|vector| unsafe {
            sys::dhmem_vector_read(vector, first, into, elements.len(), &mut done)
        })?;
        Ok(done)
    }

    /// A copy of all elements, as they are at one moment.
    ///
    /// # Errors
    ///
    /// As [`Vector::len`].
    pub fn to_vec(&self) -> Result<Vec<T>, Error> {
        let mut room = self.len()?;
        loop {
            // One more than there are, to see whether there are more by now.
            let mut elements = vec![T::default(); room + 1];
            let done = self.read(0, &mut elements)?;
            if done <= room {
                elements.truncate(done);
                return Ok(elements);
            }
            room = self.len()?.max(room * 2);
        }
    }

    /// Adds an element at the end.
    ///
    /// # Errors
    ///
    /// [`RegionFull`](crate::Code::RegionFull), [`NoSpace`](crate::Code::NoSpace),
    /// [`ReadOnly`](crate::Code::ReadOnly), and as [`Vector::len`].
    pub fn push(&self, element: T) -> Result<(), Error> {
        self.extend(&[element])
    }

    /// Adds elements at the end, in one step.
    ///
    /// # Errors
    ///
    /// As [`Vector::push`].
    pub fn extend(&self, elements: &[T]) -> Result<(), Error> {
        let from: *const c_void = elements.as_ptr().cast();
        // SAFETY: The vector is open, and has elements of the type T.
        self.change(|vector| unsafe { sys::dhmem_vector_append(vector, from, elements.len()) })
    }

    /// Changes elements from index `first` on.
    ///
    /// # Errors
    ///
    /// [`BadArgument`](crate::Code::BadArgument) if there are not so many, and as [`Vector::push`].
    pub fn write(&self, first: usize, elements: &[T]) -> Result<(), Error> {
        let from: *const c_void = elements.as_ptr().cast();
        // SAFETY: The vector is open, and has elements of the type T.
        self.change(|vector| unsafe { sys::dhmem_vector_write(vector, first, from, elements.len()) })
    }

    /// Removes the last element.
    ///
    /// # Errors
    ///
    /// As [`Vector::push`].
    pub fn pop(&self) -> Result<Option<T>, Error> {
        let mut element = MaybeUninit::<T>::uninit();
        let mut popped = false;
        let into: *mut c_void = element.as_mut_ptr().cast();
        // SAFETY: The vector is open, and has elements of the type T.
        self.change(|vector| unsafe { sys::dhmem_vector_pop(vector, into, &mut popped) })?;
        // SAFETY: The library has set it.
        Ok(popped.then(|| unsafe { element.assume_init() }))
    }

    /// Changes the number of elements. New ones are 0.
    ///
    /// # Errors
    ///
    /// As [`Vector::push`].
    pub fn resize(&self, length: usize) -> Result<(), Error> {
        // SAFETY: The vector is open.
        self.change(|vector| unsafe { sys::dhmem_vector_resize(vector, length) })
    }

    /// A token: text under which any process finds it again.
    ///
    /// # Errors
    ///
    /// [`Closed`](crate::Code::Closed) if it was removed.
    pub fn token(&self) -> Result<String, Error> {
        // SAFETY: The vector is open, and there is room for a token.
        with_token(|token| self.opened.call(|vector| unsafe { sys::dhmem_vector_save(vector, token) }))
    }

    /// Waits for the vector's mutex, and changes it.
    fn change(
        &self,
        change: impl FnOnce(*mut sys::dhmem_vector) -> std::os::raw::c_int,
    ) -> Result<(), Error> {
        self.opened.wait(change).map(|_| ())
    }
}

impl<T: Number> fmt::Debug for Vector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vector").field("name", &self.opened.name()).finish()
    }
}
