fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let mut producer = region.queue("steps").producer()?;
    let room = producer.reserve(8)?;
    producer.send("text")?; //~ E0502
    room.commit(8)
}
