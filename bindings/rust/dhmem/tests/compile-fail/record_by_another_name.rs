type Count = u32;

dhmem::record! { struct Step { a: f64, count: Count } } //~ E0080

fn main() {}
