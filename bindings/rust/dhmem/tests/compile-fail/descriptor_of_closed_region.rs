fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let descriptor = region.descriptor()?;
    drop(region); //~ E0505
    println!("{descriptor:?}");
    Ok(())
}
