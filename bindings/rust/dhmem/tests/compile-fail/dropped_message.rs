fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let consumer = region.queue("steps").consumer()?;
    let mut longest: &[u8] = &[];
    while let Some(message) = consumer.receive()? {
        longest = message.bytes(); //~ E0597
    }
    println!("{}", longest.len());
    Ok(())
}
