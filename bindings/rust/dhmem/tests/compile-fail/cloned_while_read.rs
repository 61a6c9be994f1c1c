fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let mut block = region.allocate(8)?;
    let bytes = block.bytes()?;
    println!("{}", bytes.len());
    let clone = block.try_clone()?;
    println!("{}", bytes.len()); //~ E0502
    println!("{}", clone.len());
    Ok(())
}
