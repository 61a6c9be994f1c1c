//! The functions of libdhmem, the library for C of dhmem. Its header, `dhmem.h`, documents them. Programs use the crate
//! `dhmem` instead, which needs no `unsafe`.
//!
//! A test of this crate compares every declaration with the header.
#![allow(non_camel_case_types)]

use std::os::raw::{c_char, c_double, c_int, c_uint, c_void};

pub const DHMEM_OK: c_int = 0;
pub const DHMEM_END: c_int = 1;
pub const DHMEM_INTERRUPTED: c_int = 2;
pub const DHMEM_EXISTS: c_int = -1;
pub const DHMEM_NOT_FOUND: c_int = -2;
pub const DHMEM_PERMISSION: c_int = -3;
pub const DHMEM_NO_SPACE: c_int = -4;
pub const DHMEM_REGION_FULL: c_int = -5;
pub const DHMEM_FORMAT: c_int = -6;
pub const DHMEM_VERSION: c_int = -7;
pub const DHMEM_TYPE_MISMATCH: c_int = -8;
pub const DHMEM_BAD_HANDLE: c_int = -9;
pub const DHMEM_BAD_ARGUMENT: c_int = -10;
pub const DHMEM_DOUBLE_FREE: c_int = -11;
pub const DHMEM_ENDPOINT_TAKEN: c_int = -12;
pub const DHMEM_QUEUE_ENDED: c_int = -13;
pub const DHMEM_PEER_GONE: c_int = -14;
pub const DHMEM_MESSAGE_TOO_LARGE: c_int = -15;
pub const DHMEM_TIMEOUT: c_int = -16;
pub const DHMEM_CLOSED: c_int = -17;
pub const DHMEM_READ_ONLY: c_int = -18;
pub const DHMEM_TRUNCATED: c_int = -19;
pub const DHMEM_CORRUPT: c_int = -20;
pub const DHMEM_TOO_MANY_PARTICIPANTS: c_int = -21;
pub const DHMEM_UNSUPPORTED: c_int = -22;

pub const DHMEM_OPEN_OR_CREATE: c_int = 0;
pub const DHMEM_CREATE: c_int = 1;
pub const DHMEM_OPEN: c_int = 2;
pub const DHMEM_FORCE_CREATE: c_int = 3;
pub const DHMEM_OPEN_READ_ONLY: c_int = 4;

pub const DHMEM_PERSISTENT: c_int = 0;
pub const DHMEM_LAST_CLOSE: c_int = 1;

pub const DHMEM_TOKEN_BYTES: usize = 39;

pub const DHMEM_KIND_BLOCK: c_int = 0;
pub const DHMEM_KIND_STRUCT: c_int = 3;
pub const DHMEM_KIND_ARRAY: c_int = 4;
pub const DHMEM_KIND_VECTOR: c_int = 7;

pub const DHMEM_BLOCK: c_int = 0;
pub const DHMEM_LATEST: c_int = 1;
pub const DHMEM_DROP_OLDEST: c_int = 2;

/// Declares types that only the library looks into.
macro_rules! opaque {
    ($($name:ident)*) => {$(
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
        }
    )*};
}

opaque! {
    dhmem_region dhmem_producer dhmem_consumer dhmem_record_producer dhmem_record_consumer
    dhmem_memory dhmem_vector dhmem_map dhmem_mutex dhmem_condition
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct dhmem_options {
    pub mode: c_int,
    pub size: u64,
    pub permissions: c_uint,
    pub lifetime: c_int,
    pub directory: *const c_char,
    pub label: *const c_char,
    pub trust: *const c_char,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct dhmem_block {
    pub data: *mut c_void,
    pub length: usize,
    pub at: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct dhmem_queue_options {
    pub capacity: usize,
    pub patient: bool,
    pub policy: c_int,
    pub keep: c_uint,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct dhmem_bytes {
    pub data: *const c_void,
    pub length: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct dhmem_message {
    pub data: *mut c_void,
    pub length: usize,
    pub block: dhmem_block,
    pub position: u32,
    pub large: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct dhmem_record_options {
    pub capacity: usize,
    pub patient: bool,
}

extern "C" {
    pub fn dhmem_error() -> *const c_char;
    pub fn dhmem_code_name(code: c_int) -> *const c_char;
    pub fn dhmem_open(
        name: *const c_char,
        options: *const dhmem_options,
        region: *mut *mut dhmem_region,
    ) -> c_int;
    pub fn dhmem_close(region: *mut dhmem_region);
    pub fn dhmem_unlink(name: *const c_char, options: *const dhmem_options) -> c_int;
    pub fn dhmem_unlink_region(region: *const dhmem_region) -> c_int;
    pub fn dhmem_recover(region: *mut dhmem_region, count: *mut c_uint) -> c_int;
    pub fn dhmem_has_participant(region: *mut dhmem_region, label: *const c_char, found: *mut bool) -> c_int;
    pub fn dhmem_trim(region: *mut dhmem_region, given: *mut u64) -> c_int;
    pub fn dhmem_path(region: *const dhmem_region) -> *const c_char;
    pub fn dhmem_size(region: *const dhmem_region) -> u64;
    pub fn dhmem_allocate(region: *mut dhmem_region, length: usize, block: *mut dhmem_block) -> c_int;
    pub fn dhmem_free(region: *mut dhmem_region, block: *mut dhmem_block) -> c_int;
    pub fn dhmem_clone(region: *mut dhmem_region, block: *mut dhmem_block, copy: *mut dhmem_block) -> c_int;
    pub fn dhmem_save(region: *mut dhmem_region, block: *mut dhmem_block, token: *mut c_char) -> c_int;
    pub fn dhmem_load(region: *mut dhmem_region, token: *const c_char, block: *mut dhmem_block) -> c_int;
    pub fn dhmem_free_saved(region: *mut dhmem_region, token: *const c_char) -> c_int;
    pub fn dhmem_token_kind(region: *mut dhmem_region, token: *const c_char, kind: *mut c_int) -> c_int;
    pub fn dhmem_producer_open(
        region: *mut dhmem_region,
        queue: *const c_char,
        options: *const dhmem_queue_options,
        producer: *mut *mut dhmem_producer,
    ) -> c_int;
    pub fn dhmem_producer_close(producer: *mut dhmem_producer);
    pub fn dhmem_send(
        producer: *mut dhmem_producer,
        data: *const c_void,
        length: usize,
        timeout: c_double,
    ) -> c_int;
    pub fn dhmem_send_block(
        producer: *mut dhmem_producer,
        data: *const c_void,
        length: usize,
        block: *mut dhmem_block,
        timeout: c_double,
    ) -> c_int;
    pub fn dhmem_reserve(
        producer: *mut dhmem_producer,
        length: usize,
        timeout: c_double,
        data: *mut *mut c_void,
    ) -> c_int;
    pub fn dhmem_commit(producer: *mut dhmem_producer, length: usize) -> c_int;
    pub fn dhmem_abort(producer: *mut dhmem_producer) -> c_int;
    pub fn dhmem_send_many(
        producer: *mut dhmem_producer,
        messages: *const dhmem_bytes,
        count: usize,
        sent: *mut usize,
    ) -> c_int;
    pub fn dhmem_end(producer: *mut dhmem_producer) -> c_int;
    pub fn dhmem_consumer_open(
        region: *mut dhmem_region,
        queue: *const c_char,
        options: *const dhmem_queue_options,
        consumer: *mut *mut dhmem_consumer,
    ) -> c_int;
    pub fn dhmem_consumer_close(consumer: *mut dhmem_consumer);
    pub fn dhmem_receive(
        consumer: *mut dhmem_consumer,
        message: *mut dhmem_message,
        timeout: c_double,
    ) -> c_int;
    pub fn dhmem_receive_many(
        consumer: *mut dhmem_consumer,
        messages: *mut dhmem_message,
        count: usize,
        received: *mut usize,
    ) -> c_int;
    pub fn dhmem_release(consumer: *mut dhmem_consumer, message: *mut dhmem_message) -> c_int;
    pub fn dhmem_take(
        consumer: *mut dhmem_consumer,
        message: *mut dhmem_message,
        block: *mut dhmem_block,
    ) -> c_int;
    pub fn dhmem_sizeof(type_: *const c_char) -> usize;
    pub fn dhmem_record_producer_open(
        region: *mut dhmem_region,
        queue: *const c_char,
        type_: *const c_char,
        options: *const dhmem_record_options,
        producer: *mut *mut dhmem_record_producer,
    ) -> c_int;
    pub fn dhmem_record_producer_close(producer: *mut dhmem_record_producer);
    pub fn dhmem_push(
        producer: *mut dhmem_record_producer,
        records: *const c_void,
        count: usize,
        timeout: c_double,
        pushed: *mut usize,
    ) -> c_int;
    pub fn dhmem_push_wait(producer: *mut dhmem_record_producer, timeout: c_double) -> c_int;
    pub fn dhmem_record_end(producer: *mut dhmem_record_producer) -> c_int;
    pub fn dhmem_record_consumer_open(
        region: *mut dhmem_region,
        queue: *const c_char,
        type_: *const c_char,
        options: *const dhmem_record_options,
        consumer: *mut *mut dhmem_record_consumer,
    ) -> c_int;
    pub fn dhmem_record_consumer_close(consumer: *mut dhmem_record_consumer);
    pub fn dhmem_pop(
        consumer: *mut dhmem_record_consumer,
        records: *mut c_void,
        count: usize,
        timeout: c_double,
        popped: *mut usize,
    ) -> c_int;
    pub fn dhmem_pop_wait(consumer: *mut dhmem_record_consumer, timeout: c_double) -> c_int;
    pub fn dhmem_struct_open(
        region: *mut dhmem_region,
        name: *const c_char,
        type_: *const c_char,
        initial: *const c_void,
        memory: *mut *mut dhmem_memory,
    ) -> c_int;
    pub fn dhmem_array_open(
        region: *mut dhmem_region,
        name: *const c_char,
        type_: *const c_char,
        initial: *const c_void,
        memory: *mut *mut dhmem_memory,
    ) -> c_int;
    pub fn dhmem_memory_close(memory: *mut dhmem_memory);
    pub fn dhmem_memory_data(memory: *const dhmem_memory) -> *mut c_void;
    pub fn dhmem_memory_length(memory: *const dhmem_memory) -> usize;
    pub fn dhmem_memory_type(memory: *const dhmem_memory) -> *const c_char;
    pub fn dhmem_memory_check(memory: *const dhmem_memory) -> c_int;
    pub fn dhmem_memory_save(memory: *const dhmem_memory, token: *mut c_char) -> c_int;
    pub fn dhmem_memory_load(
        region: *mut dhmem_region,
        token: *const c_char,
        memory: *mut *mut dhmem_memory,
    ) -> c_int;
    pub fn dhmem_vector_open(
        region: *mut dhmem_region,
        name: *const c_char,
        dtype: *const c_char,
        vector: *mut *mut dhmem_vector,
    ) -> c_int;
    pub fn dhmem_vector_close(vector: *mut dhmem_vector);
    pub fn dhmem_vector_name(vector: *const dhmem_vector) -> *const c_char;
    pub fn dhmem_vector_dtype(vector: *const dhmem_vector) -> *const c_char;
    pub fn dhmem_vector_view(vector: *mut dhmem_vector, data: *mut *mut c_void, length: *mut usize) -> c_int;
    pub fn dhmem_vector_read(
        vector: *mut dhmem_vector,
        first: usize,
        elements: *mut c_void,
        count: usize,
        done: *mut usize,
    ) -> c_int;
    pub fn dhmem_vector_append(vector: *mut dhmem_vector, elements: *const c_void, count: usize) -> c_int;
    pub fn dhmem_vector_write(
        vector: *mut dhmem_vector,
        first: usize,
        elements: *const c_void,
        count: usize,
    ) -> c_int;
    pub fn dhmem_vector_pop(vector: *mut dhmem_vector, element: *mut c_void, popped: *mut bool) -> c_int;
    pub fn dhmem_vector_resize(vector: *mut dhmem_vector, length: usize) -> c_int;
    pub fn dhmem_vector_save(vector: *const dhmem_vector, token: *mut c_char) -> c_int;
    pub fn dhmem_vector_load(
        region: *mut dhmem_region,
        token: *const c_char,
        vector: *mut *mut dhmem_vector,
    ) -> c_int;
    pub fn dhmem_map_open(
        region: *mut dhmem_region,
        name: *const c_char,
        key: *const c_char,
        value: *const c_char,
        map: *mut *mut dhmem_map,
    ) -> c_int;
    pub fn dhmem_map_close(map: *mut dhmem_map);
    pub fn dhmem_map_key_type(map: *const dhmem_map) -> *const c_char;
    pub fn dhmem_map_value_type(map: *const dhmem_map) -> *const c_char;
    pub fn dhmem_map_size(map: *const dhmem_map, size: *mut usize) -> c_int;
    pub fn dhmem_map_get(
        map: *mut dhmem_map,
        key: *const c_void,
        key_length: usize,
        value: *mut c_void,
        room: usize,
        length: *mut usize,
    ) -> c_int;
    pub fn dhmem_map_set(
        map: *mut dhmem_map,
        key: *const c_void,
        key_length: usize,
        value: *const c_void,
        value_length: usize,
    ) -> c_int;
    pub fn dhmem_map_delete(
        map: *mut dhmem_map,
        key: *const c_void,
        key_length: usize,
        deleted: *mut bool,
    ) -> c_int;
    pub fn dhmem_map_each(
        map: *mut dhmem_map,
        each: Option<
            unsafe extern "C" fn(
                context: *mut c_void,
                key: *const c_void,
                key_length: usize,
                value: *const c_void,
                value_length: usize,
            ) -> bool,
        >,
        context: *mut c_void,
    ) -> c_int;
    pub fn dhmem_map_lock(map: *mut dhmem_map, timeout: c_double) -> c_int;
    pub fn dhmem_map_unlock(map: *mut dhmem_map) -> c_int;
    pub fn dhmem_remove(region: *mut dhmem_region, name: *const c_char, removed: *mut bool) -> c_int;
    pub fn dhmem_mutex_open(
        region: *mut dhmem_region,
        name: *const c_char,
        mutex: *mut *mut dhmem_mutex,
    ) -> c_int;
    pub fn dhmem_mutex_close(mutex: *mut dhmem_mutex);
    pub fn dhmem_lock(mutex: *mut dhmem_mutex, timeout: c_double, abandoned: *mut bool) -> c_int;
    pub fn dhmem_unlock(mutex: *mut dhmem_mutex) -> c_int;
    pub fn dhmem_is_abandoned(mutex: *const dhmem_mutex) -> bool;
    pub fn dhmem_condition_open(
        region: *mut dhmem_region,
        name: *const c_char,
        condition: *mut *mut dhmem_condition,
    ) -> c_int;
    pub fn dhmem_condition_close(condition: *mut dhmem_condition);
    pub fn dhmem_wait(
        condition: *mut dhmem_condition,
        mutex: *mut dhmem_mutex,
        until: Option<unsafe extern "C" fn(context: *mut c_void) -> bool>,
        context: *mut c_void,
        timeout: c_double,
    ) -> c_int;
    pub fn dhmem_notify_one(condition: *mut dhmem_condition) -> c_int;
    pub fn dhmem_notify_all(condition: *mut dhmem_condition) -> c_int;
    pub fn dhmem_fd(region: *mut dhmem_region, fd: *mut c_int) -> c_int;
    pub fn dhmem_fd_clear(region: *mut dhmem_region) -> c_int;
    pub fn dhmem_sleep(condition: *mut dhmem_condition, mutex: *mut dhmem_mutex, untold: *mut bool) -> c_int;
    pub fn dhmem_lock_again(mutex: *mut dhmem_mutex, timeout: c_double) -> c_int;
    pub fn dhmem_pass_on(mutex: *mut dhmem_mutex) -> c_int;
    pub fn dhmem_is_shared(region: *const dhmem_region, block: *const dhmem_block) -> bool;
    pub fn dhmem_check(region: *mut dhmem_region) -> c_int;
    pub fn dhmem_keep(region: *mut dhmem_region);
    pub fn dhmem_drop(region: *mut dhmem_region);
    pub fn dhmem_on_sleep(
        region: *mut dhmem_region,
        before: Option<unsafe extern "C" fn() -> *mut c_void>,
        after: Option<unsafe extern "C" fn(state: *mut c_void) -> bool>,
    );
}
