fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let block = region.allocate(8)?;
    println!("{}", block.as_slice::<u8>()?.len());
    println!("{}", block.as_slice::<bool>()?.len()); //~ E0277
    Ok(())
}
