//! Compiles the service anew when a file of the console comes or goes; changed ones are seen anyway.

fn main() {
    println!("cargo:rerun-if-changed=../demo");
    println!("cargo:rerun-if-changed=build.rs");
}
