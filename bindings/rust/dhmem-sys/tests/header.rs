//! The declarations are those of the header.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(here.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Without comments, and lines of the preprocessor.
fn header() -> String {
    let text = read("../../c/include/dhmem.h");
    let mut code = String::new();
    for (index, part) in text.split("/*").enumerate() {
        code += if index == 0 { part } else { part.split_once("*/").expect("a comment ends").1 };
    }
    code.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ")
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Parts between commas that are in no parentheses.
fn parts(text: &str) -> Vec<String> {
    let mut depth = 0;
    let split = text.split(|c: char| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    });
    split.map(words).filter(|part| !part.is_empty() && part != "void").collect()
}

/// The type in Rust for a type in C, such as `const char *`.
fn rust_type(c: &str) -> String {
    let is_enum = c.contains("enum ");
    let constant = c.contains("const ");
    let base = c.replace("const ", "").replace("struct ", "").replace("enum ", "").replace('*', "");
    let base = match base.trim() {
        _ if is_enum => "c_int",
        "int" => "c_int",
        "unsigned" => "c_uint",
        "double" => "c_double",
        "char" => "c_char",
        "void" => "c_void",
        "size_t" => "usize",
        "uint64_t" => "u64",
        "uint32_t" => "u32",
        other => other,
    };
    let mut result = base.to_owned();
    for level in 0..c.matches('*').count() {
        result = format!("*{} {result}", if constant && level == 0 { "const" } else { "mut" });
    }
    result
}

/// A parameter's type: also of functions and of tokens.
fn parameter(c: &str) -> String {
    if let Some((result, rest)) = c.split_once("(*") {
        let parameters = rest.split_once('(').expect("its parameters").1.trim_end_matches(')');
        let types: Vec<_> = parts(parameters).iter().map(|each| parameter(each)).collect();
        return format!("fn({}) -> {}", types.join(", "), rust_type(result));
    }
    if c.ends_with(']') {
        return "*mut c_char".into();
    }
    rust_type(c.trim_end_matches(|each: char| each.is_alphanumeric() || each == '_'))
}

fn functions_in_c() -> BTreeMap<String, String> {
    let code = header();
    let declarations = code.split("DHMEM_API ").skip(1).filter_map(|rest| rest.split_once(';'));
    let of = |(declaration, _): (&str, &str)| {
        let declaration = words(declaration);
        let (front, rest) = declaration.split_once('(').expect("a function");
        let at = front.rfind([' ', '*']).expect("a result") + 1;
        let parameters = rest.strip_suffix(')').expect("the end of its parameters");
        let types: Vec<_> = parts(parameters).iter().map(|each| parameter(each)).collect();
        (front[at..].to_owned(), format!("({}) -> {}", types.join(", "), rust_type(&front[..at])))
    };
    declarations.map(of).collect()
}

fn functions_in_rust() -> BTreeMap<String, String> {
    // As on one line each.
    let text = words(&read("src/lib.rs")).replace("Option< ", "Option<").replace(", >", ">");
    let (_, code) = text.split_once("extern \"C\" { pub fn").expect("declarations");
    let of = |declaration: &str| {
        let (name, rest) = declaration.split_once('(').expect("a function");
        let (parameters, result) = rest.rsplit_once(')').expect("the end of its parameters");
        let result = result.split(';').next().unwrap_or_default().trim().trim_start_matches("-> ");
        let type_of = |each: &String| {
            let (_, kind) = each.split_once(": ").unwrap_or_else(|| panic!("no name: {each} of {name}"));
            let function = match kind.strip_prefix("Option<unsafe extern \"C\" fn(") {
                Some(function) => function,
                None => return kind.to_owned(),
            };
            let (parameters, result) = function.rsplit_once(") -> ").expect("a result");
            let types: Vec<_> = parts(parameters)
                .iter()
                .map(|each| each.split_once(": ").expect("a name").1.to_owned())
                .collect();
            format!("fn({}) -> {}", types.join(", "), result.trim_end_matches('>'))
        };
        let types: Vec<_> = parts(parameters).iter().map(type_of).collect();
        let result = if result.is_empty() || result == "}" { "c_void" } else { result };
        (name.trim().to_owned(), format!("({}) -> {result}", types.join(", ")))
    };
    code.split(" pub fn ").map(of).collect()
}

#[test]
fn every_function_is_declared_as_the_header_has_it() {
    // The header may have more.
    let (mut c, rust) = (functions_in_c(), functions_in_rust());
    c.retain(|name, _| rust.contains_key(name));
    assert_eq!(rust, c);
    assert!(rust.len() > 80, "{} functions", rust.len());
}

#[test]
fn every_struct_has_the_fields_of_the_header() {
    let (code, rust) = (header(), words(&read("src/lib.rs")));
    let mut count = 0;
    for (at, start) in code.match_indices("struct dhmem_") {
        let (name, rest) = match code[at + start.len()..].split_once(" {") {
            Some((name, rest)) if name.chars().all(|c| c.is_alphanumeric() || c == '_') => (name, rest),
            _ => continue,
        };
        let fields =
            rest.split_once('}').expect("its end").0.split(';').map(words).filter(|field| !field.is_empty());
        let in_rust: String = fields
            .map(|field| {
                let at = field.rfind([' ', '*']).expect("a type") + 1;
                format!("pub {}: {}, ", &field[at..], rust_type(&field[..at]))
            })
            .collect();
        let wanted = format!("pub struct dhmem_{name} {{ {in_rust}}}");
        let is_declared = rust.contains(&format!("pub struct dhmem_{name} {{"));
        assert!(!is_declared || rust.contains(&wanted), "not there: {wanted}");
        count += usize::from(is_declared);
    }
    assert_eq!(count, 6);
}

#[test]
fn every_constant_has_the_value_of_the_header() {
    let (code, rust) = (header(), words(&read("src/lib.rs")));
    let mut count = 0;
    for definition in code.split("enum ").skip(1) {
        let rest = match definition.split_once(" {") {
            Some((name, rest)) if !name.contains([' ', ';']) => rest,
            _ => continue,
        };
        for constant in rest.split_once('}').expect("its end").0.split(',').map(words) {
            if let Some((name, value)) = constant.split_once(" = ") {
                let wanted = format!("pub const {name}: c_int = {value};");
                assert!(rust.contains(&wanted), "not there: {wanted}");
                count += 1;
            }
        }
    }
    assert!(count >= 39, "{count} constants");
}
