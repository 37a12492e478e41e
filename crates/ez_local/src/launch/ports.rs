//! The ports of a stack: from the environment or free ones, and whether they can be had.
//!
//! A probe binds and lets go, so another process can still take the port before the service does;
//! then the service's own message says so.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use super::error::Error;
use super::proc::listener_of;

/// How many RTMP ports belong to one worker.
pub const RTMP_PORTS_PER_WORKER: u16 = 16;
/// How often a range of free ports is looked for.
const ATTEMPTS: usize = 50;

/// Where each service listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ports {
    /// `api_server`.
    pub api: u16,
    /// `scheduler`.
    pub scheduler: u16,
    /// `key_server`.
    pub key_server: u16,
    /// The local S3.
    pub s3: u16,
    /// The private redis-server. Not 6379: a system's own one may be there.
    pub redis: u16,
    /// Worker `k` is controlled at this port + `k`.
    pub worker_base: u16,
    /// Worker `k` receives contributions at this port + 16 `k` and the fifteen after it.
    pub rtmp_base: u16,
}

/// The environment variable of each port and its default.
const VARIABLES: [(&str, u16); 7] = [
    ("EZ_API_PORT", 1080),
    ("EZ_SCHEDULER_PORT", 3080),
    ("EZ_KEY_PORT", 5080),
    ("EZ_S3_PORT", 9000),
    ("EZ_REDIS_PORT", 6380),
    ("EZ_WORKER_PORT_BASE", 2080),
    ("EZ_RTMP_PORT_BASE", 1935),
];

/// One port that a stack needs.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Need {
    port: u16,
    purpose: String,
    variable: &'static str,
}

impl Ports {
    /// The ports that the environment names; the defaults for the others.
    ///
    /// # Errors
    /// When a variable is no port number.
    pub fn from_environment(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let mut ports = [0; VARIABLES.len()];
        for (port, (variable, default)) in ports.iter_mut().zip(VARIABLES) {
            *port = match lookup(variable).filter(|text| !text.is_empty()) {
                None => default,
                Some(text) => match text.parse() {
                    Ok(number) if number > 0 => number,
                    _ => return Err(Error::NotAPort { variable, text }),
                },
            };
        }
        let [api, scheduler, key_server, s3, redis, worker_base, rtmp_base] = ports;
        Ok(Self { api, scheduler, key_server, s3, redis, worker_base, rtmp_base })
    }

    /// Ports that were free a moment ago, for tests that run side by side.
    ///
    /// # Errors
    /// When the system has no free ports.
    pub fn free(workers: u16) -> Result<Self, Error> {
        let mut held = Vec::new();
        let mut single = || -> io::Result<u16> {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = listener.local_addr()?.port();
            held.push(listener);
            Ok(port)
        };
        let mut five = || Ok::<_, io::Error>([single()?, single()?, single()?, single()?, single()?]);
        let [api, scheduler, key_server, s3, redis] = five().map_err(Error::NoFreePorts)?;
        let worker_base = hold_range(workers, &mut held).map_err(Error::NoFreePorts)?;
        let rtmp = workers.saturating_mul(RTMP_PORTS_PER_WORKER);
        let rtmp_base = hold_range(rtmp, &mut held).map_err(Error::NoFreePorts)?;
        Ok(Self { api, scheduler, key_server, s3, redis, worker_base, rtmp_base })
    }

    /// The control port of worker `k`.
    pub const fn worker(&self, k: u16) -> u16 {
        self.worker_base.saturating_add(k)
    }

    /// The first RTMP port of worker `k`.
    pub const fn rtmp(&self, k: u16) -> u16 {
        self.rtmp_base.saturating_add(k.saturating_mul(RTMP_PORTS_PER_WORKER))
    }

    /// Refuses ports that cannot be had: out of range, wanted twice, or taken. What is wrong with the ports
    /// themselves is said before what others have to do with it.
    ///
    /// # Errors
    /// Names the port, who has it and the variable to set.
    pub fn check(&self, workers: u16) -> Result<(), Error> {
        let needs = self.needs(workers)?;
        for (at, need) in needs.iter().enumerate() {
            if let Some(other) = needs.iter().take(at).find(|other| other.port == need.port) {
                return Err(Error::PortTwice {
                    port: need.port,
                    first: other.purpose.clone(),
                    second: need.purpose.clone(),
                    variable: need.variable,
                });
            }
        }
        for need in needs {
            if let Err(source) = TcpListener::bind((Ipv4Addr::LOCALHOST, need.port)) {
                let Need { port, purpose, variable } = need;
                return Err(if source.kind() == io::ErrorKind::AddrInUse {
                    Error::PortTaken { port, purpose, variable, owner: listener_of(port) }
                } else {
                    Error::PortRefused { port, purpose, variable, source }
                });
            }
        }
        Ok(())
    }

    fn needs(&self, workers: u16) -> Result<Vec<Need>, Error> {
        let single = [
            (self.redis, "redis", "EZ_REDIS_PORT"),
            (self.s3, "the local S3", "EZ_S3_PORT"),
            (self.scheduler, "scheduler", "EZ_SCHEDULER_PORT"),
            (self.key_server, "key_server", "EZ_KEY_PORT"),
            (self.api, "api_server", "EZ_API_PORT"),
        ];
        let mut needs: Vec<Need> = single
            .into_iter()
            .map(|(port, purpose, variable)| Need { port, purpose: purpose.to_owned(), variable })
            .collect();
        let rtmp = workers.saturating_mul(RTMP_PORTS_PER_WORKER);
        let ranges = [
            (self.worker_base, workers, "the workers", "EZ_WORKER_PORT_BASE"),
            (self.rtmp_base, rtmp, "RTMP", "EZ_RTMP_PORT_BASE"),
        ];
        for (base, count, purpose, variable) in ranges {
            if base.checked_add(count).is_none() {
                return Err(Error::PortRange { base, count, variable });
            }
            needs.extend((base..base + count).map(|port| Need {
                port,
                purpose: purpose.to_owned(),
                variable,
            }));
        }
        Ok(needs)
    }
}

/// Finds `count` neighbouring free ports and keeps them bound in `held`.
fn hold_range(count: u16, held: &mut Vec<TcpListener>) -> io::Result<u16> {
    for _ in 0..ATTEMPTS {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let base = first.local_addr()?.port();
        let Some(end) = base.checked_add(count) else { continue };
        let rest: io::Result<Vec<_>> =
            (base + 1..end).map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).collect();
        if let Ok(rest) = rest {
            held.push(first);
            held.extend(rest);
            return Ok(base);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, format!("no {count} neighbouring free ports")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_and_nonsense_is_named() {
        let defaults = Ports::from_environment(|_| None).unwrap();
        assert_eq!((defaults.api, defaults.redis, defaults.rtmp(2)), (1080, 6380, 1967));
        let chosen =
            Ports::from_environment(|name| (name == "EZ_S3_PORT").then(|| "9100".to_owned())).unwrap();
        assert_eq!(chosen, Ports { s3: 9100, ..defaults });
        for text in ["0", "70000", "http"] {
            let error = Ports::from_environment(|name| (name == "EZ_KEY_PORT").then(|| text.to_owned()));
            let message = error.unwrap_err().to_string();
            assert!(message.contains("EZ_KEY_PORT") && message.contains(text), "{message}");
        }
    }

    #[test]
    fn free_ports_pass_the_check_and_a_taken_one_is_named_with_its_owner() {
        let ports = Ports::free(2).unwrap();
        ports.check(2).unwrap();
        let taken = ports.rtmp(1) + 3;
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, taken)).unwrap();
        let message = ports.check(2).unwrap_err().to_string();
        for part in [taken.to_string(), "EZ_RTMP_PORT_BASE".to_owned(), std::process::id().to_string()] {
            assert!(message.contains(&part), "{part} in {message}");
        }
        assert_eq!(message.lines().count(), 1);
        ports.check(1).unwrap();
    }

    #[test]
    fn a_listener_on_all_addresses_is_seen() {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let ports = Ports { api: listener.local_addr().unwrap().port(), ..Ports::free(1).unwrap() };
        assert!(ports.check(1).unwrap_err().to_string().contains("EZ_API_PORT"));
    }

    #[test]
    fn ports_that_collide_or_leave_the_range_are_refused() {
        let ports = Ports::free(1).unwrap();
        let beyond = Ports { rtmp_base: 65530, ..Ports::free(1).unwrap() };
        let twice = Ports { s3: ports.rtmp_base + 4, ..ports };
        assert!(matches!(twice.check(1).unwrap_err(), Error::PortTwice { .. }));
        assert!(matches!(beyond.check(1).unwrap_err(), Error::PortRange { .. }));
    }
}
