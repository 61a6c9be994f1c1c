fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let mut producer = region.queue("steps").producer()?;
    let mut room = producer.reserve(8)?;
    room.bytes_mut().fill(1);
    room.commit(8)?;
    room.bytes_mut().fill(2); //~ E0382
    Ok(())
}
