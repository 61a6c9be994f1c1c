fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let consumer = region.queue("steps").consumer()?;
    let message = consumer.receive()?.expect("a message");
    let block = message.block().expect("a block");
    println!("{}", block.len());
    let taken = message.take()?;
    println!("{}", block.len()); //~ E0505
    println!("{}", taken.len());
    Ok(())
}
