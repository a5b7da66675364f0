//! A properties file: a fault with its line, or keys in the order of their lines.
#![no_main]
use libfuzzer_sys::fuzz_target;
use ottla::config::parse_properties;

fuzz_target!(|text: &str| {
    let lines = text.len() + 1;
    let lawful = |line: u32| (1..=lines).contains(&(line as usize));
    match parse_properties(text) {
        Err(error) => assert!(lawful(error.line) && !error.reason.is_empty()),
        Ok(properties) => {
            assert!(properties.iter().all(|property| lawful(property.line)));
            assert!(properties.windows(2).all(|pair| pair[0].line < pair[1].line));
            let bytes: usize = properties.iter().map(|property| property.key.len() + property.value.len()).sum();
            assert!(bytes <= text.len(), "escapes only shrink");
        }
    }
});
