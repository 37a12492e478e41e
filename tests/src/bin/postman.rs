//! Writes `postman_collection.json` from the API's description.

use anyhow::{Context as _, Result};
use ez_e2e::postman;
use ez_testkit::tools::workspace_root;

fn main() -> Result<()> {
    let path = workspace_root().join(postman::FILE);
    std::fs::write(&path, postman::text()?).with_context(|| format!("write {}", path.display()))
}
