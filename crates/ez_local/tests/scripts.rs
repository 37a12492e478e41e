//! The scripts: sums that continuous integration trusts, and messages for a machine that lacks something.

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    fn workspace() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_path_buf()
    }

    fn said(output: &Output) -> String {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes)).concat()
    }

    /// Runs steps and their summary; tells the last line and whether it counts as passed.
    fn summary(steps: &str) -> (String, bool) {
        let script = format!("set -euo pipefail; . script/lib/steps.sh; {steps}; summary");
        let output = Command::new("bash").args(["-c", &script]).current_dir(workspace()).output().unwrap();
        (said(&output).lines().last().unwrap_or_default().to_owned(), output.status.success())
    }

    #[test]
    fn the_sum_is_honest() {
        let rust = "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'; \
                    echo 'test result: FAILED. 4 passed; 2 failed; 0 ignored'; false";
        let node = "echo '# pass 5'; echo '# fail 1'; echo '# cancelled 1'; false";
        let cases = [
            ("step a one_check true", "1 passed, 0 failed", true),
            ("step a one_check false", "0 passed, 1 failed", false),
            ("step a one_check true; step b one_check false", "1 passed, 1 failed", false),
            ("step a cargo_tests bash -c \"$rust\"", "7 passed, 2 failed", false),
            ("step a node_tests bash -c \"$node\"", "5 passed, 2 failed", false),
            // Did not compile, crashed before its summary: no failed test, and yet no success.
            ("step a cargo_tests false", "0 passed, 1 failed", false),
            ("step a node_tests bash -c 'echo \"# pass 2\"; exit 1'", "2 passed, 1 failed", false),
            // Nothing ran.
            ("step a cargo_tests true", "0 passed, 0 failed", false),
            ("step a cargo_tests echo 'test result: ok. 3 passed; 0 failed;'", "3 passed, 0 failed", true),
        ];
        for (steps, sum, success) in cases {
            let steps = format!("rust=\"{rust}\"; node=\"{node}\"; {steps}");
            assert_eq!(summary(&steps), (sum.to_owned(), success), "{steps}");
        }
    }

    #[test]
    fn options_that_make_no_sense_get_one_line() {
        for (arguments, word) in [
            (&["script/up", "--workers"][..], "--workers"),
            (&["script/up", "--data="], "--data"),
            (&["script/up", "--nope"], "--help"),
            (&["script/down", "--nope"], "--help"),
            (&["script/test", "--nope"], "cargo test"),
        ] {
            let output = Command::new("bash").args(arguments).current_dir(workspace()).output().unwrap();
            let text = said(&output);
            assert!(!output.status.success() && text.lines().count() == 1 && text.contains(word), "{text}");
        }
    }

    /// A machine made of the few commands that are put into it.
    struct Machine {
        folder: tempfile::TempDir,
    }

    impl Machine {
        fn new() -> Self {
            let machine = Self { folder: tempfile::tempdir().unwrap() };
            for command in [
                "bash", "mkdir", "tail", "tee", "chmod", "rm", "dirname", "env", "cat", "awk", "sed", "sort",
                "head",
            ] {
                let from = [format!("/usr/bin/{command}"), format!("/bin/{command}")];
                let from = from.iter().find(|path| Path::new(path).exists()).unwrap();
                std::os::unix::fs::symlink(from, machine.path(command)).unwrap();
            }
            let lib = machine.path("script/lib");
            std::fs::create_dir_all(&lib).unwrap();
            std::fs::create_dir(machine.path("sbin")).unwrap();
            // The one place outside of the workspace that is written to.
            let script = std::fs::read_to_string(workspace().join("script/lib/common.sh")).unwrap();
            let sbin = machine.path("sbin");
            assert!(script.contains("/usr/sbin"));
            std::fs::write(lib.join("common.sh"), script.replace("/usr/sbin", sbin.to_str().unwrap()))
                .unwrap();
            machine.command("id", "[ \"$1\" = -un ] && echo somebody || echo 0");
            machine
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn command(&self, name: &str, script: &str) {
            let path = self.path(name);
            std::fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }

        fn install_redis(&self) -> (bool, String) {
            let result = self.run("install_redis");
            assert!(!self.path("sbin/policy-rc.d").exists(), "the policy was left behind");
            result
        }

        /// Whether a function of the scripts let its caller go on, and what it said.
        fn run(&self, function: &str) -> (bool, String) {
            let script = format!("set -euo pipefail; . script/lib/common.sh; {function}; echo went on");
            let output = Command::new(self.path("bash"))
                .args(["-c", &script])
                .current_dir(self.folder.path())
                .env_clear()
                .env("PATH", self.folder.path())
                .output()
                .unwrap();
            (output.status.success(), said(&output))
        }
    }

    #[test]
    fn a_machine_without_redis_gets_one_or_a_line_that_says_how() {
        let machine = Machine::new();
        let (done, text) = machine.install_redis();
        assert!(!done && text.contains("no apt-get") && text.lines().count() == 1, "{text}");

        machine.command("apt-get", "[ $1 = update ] || { echo 'E: no such package'; exit 100; }");
        let (done, text) = machine.install_redis();
        assert!(!done && text.contains("E: no such package") && text.contains("apt.log"), "{text}");

        machine.command("id", "[ \"$1\" = -un ] && echo somebody || echo 1000");
        let (done, text) = machine.install_redis();
        assert!(!done && text.contains("somebody") && text.contains("as root"), "{text}");

        machine.command("id", "echo 0");
        let install = format!(
            "[ $1 = update ] && exit; cat {0}/sbin/policy-rc.d; echo '#!/bin/bash' >{0}/redis-server; \
             chmod 755 {0}/redis-server",
            machine.folder.path().display()
        );
        machine.command("apt-get", &install);
        let (done, text) = machine.install_redis();
        assert!(done && text.contains("went on"), "{text}");
        let log = std::fs::read_to_string(machine.path(".tools/apt.log")).unwrap();
        assert!(log.contains("exit 101"), "the package could have started its service: {log}");

        machine.command("apt-get", "exit 100");
        assert_eq!(machine.install_redis(), (true, "went on\n".to_owned()), "installed once");

        machine.command("redis-server", "echo 'Redis server v=6.0.16 sha=00000000:0 bits=64'");
        let (done, text) = machine.install_redis();
        assert!(!done && text.contains("6.0.16 is too old") && text.lines().count() == 1, "{text}");
        machine.command("redis-server", "echo 'Redis server v=6.2.0 sha=00000000:0 bits=64'");
        assert_eq!(machine.install_redis(), (true, "went on\n".to_owned()));
    }

    #[test]
    fn a_disk_too_small_for_the_build_is_said_before_it_begins() {
        let machine = Machine::new();
        let disk = |free: u32, built: u32| {
            machine.command("df", &format!("echo Filesystem; echo /dev/vda 90000 1 {free} 9% /"));
            machine.command("du", &format!("echo {built} target"));
            machine.run("need_disk 12288")
        };
        let (done, text) = disk(3000, 9000);
        assert!(!done && text.lines().count() == 1, "{text}");
        assert!(
            text.contains("2 GiB free") && text.contains("takes 12") && text.contains("CARGO_TARGET_DIR"),
            "{text}"
        );
        assert_eq!(disk(12_288, 0), (true, "went on\n".to_owned()));
        assert_eq!(disk(3000, 9300), (true, "went on\n".to_owned()), "what is built already counts");
    }
}
