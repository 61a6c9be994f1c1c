//! The files of regions.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use dhmem::{Code, Error, Lifetime, Mode, Region};

/// An empty folder for one test.
fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("dhmem-{name}-{}", std::process::id()));
    fs::create_dir(&path).expect("a new folder");
    path
}

#[test]
fn unlinking_leaves_another_region_that_has_the_name_by_now() -> Result<(), Error> {
    let folder = folder("unlinking");
    let options = Region::options().directory(&folder).size(4 << 20);
    let old = options.open("climate")?;
    let new = options.clone().mode(Mode::ForceCreate).open("climate")?;
    assert_eq!(old.unlink().map_err(|error| error.code()), Err(Code::NotFound));
    assert!(new.path().exists());
    new.unlink()?;
    assert!(!new.path().exists());
    assert_eq!(new.unlink().map_err(|error| error.code()), Err(Code::NotFound));
    fs::remove_dir(&folder).expect("an empty folder");
    Ok(())
}

#[test]
fn a_folder_may_have_any_name() -> Result<(), Error> {
    let parent = folder("names");
    let folder = parent.join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&folder).expect("a new folder");
    let options = Region::options().lifetime(Lifetime::LastClose).size(4 << 20);
    let region = options.clone().directory(&folder).open("climate")?;
    assert_eq!(region.path(), folder.join("climate.dhmem"));
    drop(region);
    let wrong = options.directory(parent.join("a\0b")).open("climate").map_err(|error| error.code());
    assert_eq!(wrong.err(), Some(Code::BadArgument));
    fs::remove_dir(&folder).expect("an empty folder");
    fs::remove_dir(&parent).expect("an empty folder");
    Ok(())
}

#[test]
fn a_relative_folder_is_that_of_the_moment_of_opening() -> Result<(), Error> {
    let folder = folder("relative");
    std::env::set_current_dir(&folder).expect("the folder");
    let region =
        Region::options().directory(".").lifetime(Lifetime::LastClose).size(4 << 20).open("climate")?;
    std::env::set_current_dir("/").expect("the root");
    assert!(region.path().is_absolute());
    drop(region);
    fs::remove_dir(&folder).expect("an empty folder");
    Ok(())
}
