fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let consumer = region.queue("steps").consumer()?;
    let message = consumer.receive()?.expect("a message");
    let bytes = message.bytes();
    println!("{}", bytes.len());
    message.release()?;
    println!("{}", bytes.len()); //~ E0505
    Ok(())
}
