fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let producer = region.queue("steps").producer()?;
    let mut block = region.allocate(8)?;
    block.bytes_mut()?.fill(1);
    producer.send_block("a block", block)?;
    block.bytes_mut()?.fill(2); //~ E0382
    Ok(())
}
