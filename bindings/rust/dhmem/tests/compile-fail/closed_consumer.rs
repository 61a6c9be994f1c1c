fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let consumer = region.queue("steps").consumer()?;
    let message = consumer.receive()?;
    drop(consumer); //~ E0505
    println!("{}", message.is_some());
    Ok(())
}
