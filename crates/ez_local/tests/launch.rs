//! The launcher with its storage: started, killed, frozen, taken away, left behind.

#[cfg(test)]
mod stack {
    use std::net::{Ipv4Addr, TcpListener, TcpStream};
    use std::path::Path;
    use std::time::Duration;

    use ez_local::launch::{Endpoints, Error, Identity, Options, Ports, REDIS, S3, Scope, Stack};
    use serde_json::Value;

    fn options(data: &Path) -> Options {
        Options { scope: Scope::Storage, ..Options::new(data, Ports::free(1).unwrap()) }
    }

    async fn redis(endpoints: &Endpoints, words: &[&str]) -> redis::RedisResult<String> {
        let client = redis::Client::open(endpoints.redis.as_str())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await
    }

    async fn s3_status(endpoints: &Endpoints) -> reqwest::Result<u16> {
        let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(500)).build()?;
        let url = format!("{}/{}/output_x/none", endpoints.s3, endpoints.bucket);
        Ok(client.get(url).send().await?.status().as_u16())
    }

    fn on_disk(data: &Path) -> Value {
        serde_json::from_str(&std::fs::read_to_string(data.join("endpoints.json")).unwrap()).unwrap()
    }

    #[tokio::test]
    async fn a_killed_service_comes_back_with_its_data_and_its_new_pid_is_told() {
        let data = tempfile::tempdir().unwrap();
        let stack = Stack::start(options(data.path())).await.unwrap();
        let endpoints = stack.endpoints();
        assert_eq!(stack.services().collect::<Vec<_>>(), [REDIS, S3]);
        assert_eq!(s3_status(&endpoints).await.unwrap(), 404, "players may ask for outputs");
        redis(&endpoints, &["SET", "k", "v"]).await.unwrap();
        for name in [REDIS, S3] {
            let before = stack.process(name).unwrap().unwrap();
            assert_eq!(on_disk(data.path())["pids"][name], before.pid);
            stack.kill(name).await.unwrap();
            assert!(!before.is_alive());
            stack.ready(name).await.unwrap();
            let after = stack.process(name).unwrap().unwrap();
            assert_ne!(before, after);
            assert_eq!(on_disk(data.path())["pids"][name], after.pid);
        }
        assert_eq!(redis(&endpoints, &["GET", "k"]).await.unwrap(), "v");
        assert_eq!(s3_status(&endpoints).await.unwrap(), 404);
        assert!(matches!(stack.kill("nobody").await, Err(Error::NoSuchService(_))));
        stack.stop().await;
        assert!(!data.path().join("endpoints.json").exists());
    }

    #[tokio::test]
    async fn taken_away_is_gone_and_frozen_does_not_answer() {
        let data = tempfile::tempdir().unwrap();
        let stack = Stack::start(options(data.path())).await.unwrap();
        let endpoints = stack.endpoints();
        stack.take_away(S3).await.unwrap();
        assert!(s3_status(&endpoints).await.unwrap_err().is_connect());
        assert_eq!(on_disk(data.path())["pids"]["s3"], 0);
        stack.bring_back(S3).await.unwrap();
        assert_eq!(s3_status(&endpoints).await.unwrap(), 404);

        stack.pause(S3).unwrap();
        assert!(s3_status(&endpoints).await.unwrap_err().is_timeout());
        stack.resume(S3).unwrap();
        assert_eq!(s3_status(&endpoints).await.unwrap(), 404);
        stack.pause(REDIS).unwrap();
        tokio::time::timeout(Duration::from_secs(8), stack.stop()).await.expect("a frozen service is ended");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_dropped_stack_is_gone_and_its_folder_can_be_used_again() {
        let data = tempfile::tempdir().unwrap();
        let stack = Stack::start(options(data.path())).await.unwrap();
        let endpoints = stack.endpoints();
        redis(&endpoints, &["SET", "k", "v"]).await.unwrap();
        let processes: Vec<Identity> =
            [REDIS, S3].iter().filter_map(|name| stack.process(name).unwrap()).collect();
        assert_eq!(processes.len(), 2);
        let second = Stack::start(options(data.path())).await;
        assert!(matches!(second, Err(Error::AlreadyRunning(_))), "one folder, one stack");
        assert!(processes.iter().all(|process| process.is_alive()), "the first one is left alone");
        drop(stack);
        assert!(processes.iter().all(|process| !process.is_alive()), "{processes:?}");

        let stack = Stack::start(options(data.path())).await.unwrap();
        assert_eq!(redis(&stack.endpoints(), &["GET", "k"]).await.unwrap(), "v");
        stack.stop().await;
    }

    #[tokio::test]
    async fn a_start_that_fails_leaves_nothing_and_says_why() {
        let data = tempfile::tempdir().unwrap();
        let mut broken = options(data.path());
        broken.redis_server = "/bin/false".into();
        let error = Stack::start(broken).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("redis"), "{error}");

        let taken = options(data.path());
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken.ports.s3)).unwrap();
        let port = taken.ports.redis;
        let error = Stack::start(taken).await.map(drop).unwrap_err();
        assert!(error.to_string().contains("EZ_S3_PORT"), "{error}");
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "redis was started all the same");

        let wrong = data.path().join("secrets/master_key");
        std::fs::write(&wrong, "damaged").unwrap();
        assert!(matches!(Stack::start(options(data.path())).await, Err(Error::Secret(_))));
    }
}

#[cfg(test)]
mod command_line {
    use std::path::Path;
    use std::process::{Command, Output};

    use ez_local::launch::{Contents, Identity, Ports};
    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    struct Launcher<'a> {
        data: &'a Path,
        ports: Ports,
    }

    impl Launcher<'_> {
        fn run(&self, arguments: &[&str]) -> (bool, String) {
            let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_ez_local"))
                .args(arguments)
                .arg("--data")
                .arg(self.data)
                .env("EZ_REDIS_PORT", self.ports.redis.to_string())
                .env("EZ_S3_PORT", self.ports.s3.to_string())
                .env("EZ_API_PORT", self.ports.api.to_string())
                .env("EZ_SCHEDULER_PORT", self.ports.scheduler.to_string())
                .env("EZ_KEY_PORT", self.ports.key_server.to_string())
                .env("EZ_WORKER_PORT_BASE", self.ports.worker_base.to_string())
                .env("EZ_RTMP_PORT_BASE", self.ports.rtmp_base.to_string())
                .output()
                .unwrap();
            let text = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
            (status.success(), text)
        }

        fn up(&self) -> (bool, String) {
            self.run(&["up", "--detach", "--storage"])
        }

        fn processes(&self) -> (Identity, Vec<Identity>) {
            let record = Contents::read(&self.data.join("processes.json")).unwrap();
            assert!(record.ready);
            (record.launcher, record.services.into_values().collect())
        }
    }

    /// Whatever a failing test leaves would be in the way of the next.
    impl Drop for Launcher<'_> {
        fn drop(&mut self) {
            self.run(&["down"]);
        }
    }

    #[test]
    fn up_twice_and_down_twice() {
        let data = tempfile::tempdir().unwrap();
        let launcher = Launcher { data: data.path(), ports: Ports::free(1).unwrap() };
        let (done, text) = launcher.up();
        assert!(done && text.contains("is ready") && text.contains("/jobs"), "{text}");
        let (process, services) = launcher.processes();
        assert!(process.is_alive() && services.len() == 2);

        let (done, text) = launcher.up();
        assert!(done && text.contains("runs already") && text.contains("/jobs"), "{text}");
        assert_eq!(launcher.processes(), (process, services.clone()));

        let other = tempfile::tempdir().unwrap();
        let beside = Launcher { data: other.path(), ports: launcher.ports.clone() };
        let (done, text) = beside.up();
        assert!(!done && text.contains("EZ_REDIS_PORT") && text.contains("redis-server (pid"), "{text}");

        let (done, text) = launcher.run(&["down"]);
        assert!(done && text.contains("has ended"), "{text}");
        assert!(!process.is_alive() && services.iter().all(|service| !service.is_alive()));
        let (done, text) = launcher.run(&["down"]);
        assert!(done && text.contains("Nothing was running"), "{text}");
    }

    #[test]
    fn what_a_killed_launcher_leaves_does_not_stand_in_the_way() {
        let data = tempfile::tempdir().unwrap();
        let launcher = Launcher { data: data.path(), ports: Ports::free(1).unwrap() };
        for last_words in ["up again", "down"] {
            let (done, text) = launcher.up();
            assert!(done, "{last_words}: {text}");
            let (process, services) = launcher.processes();
            kill(Pid::from_raw(i32::try_from(process.pid).unwrap()), Signal::SIGKILL).unwrap();
            if last_words == "down" {
                let (done, text) = launcher.run(&["down"]);
                assert!(done, "{text}");
                assert!(services.iter().all(|service| !service.is_alive()));
                assert!(!data.path().join("processes.json").exists());
            }
        }
    }
}
