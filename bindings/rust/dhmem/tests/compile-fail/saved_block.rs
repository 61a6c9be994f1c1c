fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let block = region.allocate(8)?;
    println!("{}", region.save(block)?);
    println!("{}", block.len()); //~ E0382
    Ok(())
}
