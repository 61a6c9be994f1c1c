fn main() -> Result<(), dhmem::Error> {
    let region = dhmem::Region::temporary()?;
    let grid = region.array::<f64>("grid", &[10])?;
    let first = &grid[0];
    println!("{}", first.get());
    drop(grid);
    first.set(1.0); //~ E0505
    Ok(())
}
