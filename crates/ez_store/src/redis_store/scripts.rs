//! The Lua scripts. They compare and commit; they decide nothing and never look into a record.

use redis::Script;

use crate::keys;

pub(super) struct Scripts {
    pub(super) beat: Script,
    pub(super) census: Script,
    pub(super) commit: Script,
    pub(super) create: Script,
    pub(super) forget_worker: Script,
    pub(super) list: Script,
    pub(super) load: Script,
    pub(super) put_statistics: Script,
    pub(super) queued: Script,
    pub(super) register_worker: Script,
    pub(super) remove: Script,
    pub(super) ripe: Script,
    pub(super) workers: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            beat: script(include_str!("../lua/beat.lua")),
            census: script(include_str!("../lua/census.lua")),
            commit: script(include_str!("../lua/commit.lua")),
            create: script(include_str!("../lua/create.lua")),
            forget_worker: script(include_str!("../lua/forget_worker.lua")),
            list: script(include_str!("../lua/list.lua")),
            load: script(include_str!("../lua/load.lua")),
            put_statistics: script(include_str!("../lua/put_statistics.lua")),
            queued: script(include_str!("../lua/queued.lua")),
            register_worker: script(include_str!("../lua/register_worker.lua")),
            remove: script(include_str!("../lua/remove.lua")),
            ripe: script(include_str!("../lua/ripe.lua")),
            workers: script(include_str!("../lua/workers.lua")),
        }
    }
}

fn script(body: &str) -> Script {
    Script::new(&format!("{}{}{body}", keys::script_header(), include_str!("../lua/prelude.lua")))
}
