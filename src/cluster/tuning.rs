//! How the server is configured: by its command line, so that an old cluster gets new values too.

use std::fs;

use super::PORT;
use super::settings::ClusterSettings;

const MIB: u64 = 1 << 20;
/// Bounds of the server's page cache, MiB.
const SHARED_BUFFERS_MIB_MIN: u64 = 32;
const SHARED_BUFFERS_MIB_MAX: u64 = 512;
/// Files that say how much memory there is for us, apart from the machine's own: cgroup 2 and 1.
const MEMORY_LIMITS: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// The server's settings as `name=value`, in order: of two with one name the later wins.
pub(super) fn server_settings(settings: &ClusterSettings) -> Vec<String> {
    let socket_dir = settings.socket_dir.display();
    let mut list = vec![
        "listen_addresses=".into(), // the socket only: no port to clash with
        format!("port={PORT}"),     // only names the socket
        format!("unix_socket_directories={socket_dir}"),
        "unix_socket_permissions=0700".into(),
        "max_connections=200".into(),
        format!("shared_buffers={}MB", shared_buffers_mib(memory_bytes())),
        "jit=off".into(), // its library is not fetched, and short statements never gain
        "log_min_duration_statement=-1".into(),
        "log_checkpoints=off".into(),
        "log_line_prefix=%m [%p] %q%u@%d %a ".into(),
        "log_timezone=UTC".into(),
        "timezone=UTC".into(),
    ];
    // Said even when on, so that no line in postgresql.conf can make an acknowledged job volatile.
    let durable = if settings.durable { "on" } else { "off" };
    for name in ["fsync", "synchronous_commit", "full_page_writes"] {
        list.push(format!("{name}={durable}"));
    }
    list.extend(settings.conf.iter().map(|(name, value)| format!("{name}={value}")));
    list
}

/// A quarter of the memory within bounds: the rest serves the engine and the system's file cache.
fn shared_buffers_mib(memory_bytes: u64) -> u64 {
    (memory_bytes / 4 / MIB).clamp(SHARED_BUFFERS_MIB_MIN, SHARED_BUFFERS_MIB_MAX)
}

/// What this process may use: the machine's memory or its container's limit, whichever is less.
///
/// Where nothing can be read the answer is 0, which gives the smallest cache.
fn memory_bytes() -> u64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| parse_meminfo(&text)).unwrap_or(0);
    let limits = MEMORY_LIMITS.iter().filter_map(|path| read(path)?.trim().parse().ok());
    limits.fold(machine, u64::min)
}

/// Reads `MemTotal:  24683320 kB` and gives bytes.
fn parse_meminfo(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(durable: bool, conf: &[(&str, &str)]) -> ClusterSettings {
        let conf = conf.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        let folder = || "/x".into();
        ClusterSettings { data: folder(), socket_dir: folder(), cache: folder(), durable, conf }
    }

    #[test]
    fn the_page_cache_follows_the_memory() {
        for (memory_mib, buffers_mib) in [(0, 32), (512, 128), (1024, 256), (65_536, 512)] {
            assert_eq!(shared_buffers_mib(memory_mib * MIB), buffers_mib, "{memory_mib}");
        }
        assert_eq!(parse_meminfo("MemTotal:       2048 kB\nMemFree: 1 kB\n"), Some(2 * MIB));
        assert!(memory_bytes() > 0);
    }

    #[test]
    fn durability_is_said_either_way() {
        assert!(server_settings(&settings(true, &[])).contains(&"fsync=on".to_owned()));
        assert!(server_settings(&settings(false, &[])).contains(&"fsync=off".to_owned()));
    }

    #[test]
    fn the_operators_settings_come_last() {
        let list = server_settings(&settings(true, &[("max_connections", "20")]));

        assert_eq!(list.last().map(String::as_str), Some("max_connections=20"));
    }

    #[test]
    fn only_the_socket_is_listened_on() {
        assert!(server_settings(&settings(true, &[])).contains(&"listen_addresses=".to_owned()));
    }
}
