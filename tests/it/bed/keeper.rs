//! The process that starts the servers, and ends them when the tests end.
//!
//! A guard's `drop` would not do: statics are not dropped, and an aborted or
//! killed process drops nothing. So the servers are children of a small script
//! (`keeper.sh`) that reads orders from a pipe. Only this process holds the
//! other end; when it is gone the script reads the end of the pipe, stops the
//! servers by their process ids, and removes the directory.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::place::{self, Power};

/// Starts `script` as a server called `name`, in a session of its own. What it
/// prints goes to `log/NAME.out`.
pub fn start(name: &str, script: &str) {
    let place = place::get();
    place.write(format!("run/{name}.sh"), script);
    let mut keeper = keeper().lock().unwrap_or_else(PoisonError::into_inner);
    let orders = keeper.stdin.as_mut().expect("the keeper was given a pipe");
    writeln!(orders, "{name}").expect("the keeper lives as long as we do");
}

/// Whether the server was started and is gone again, so that waiting for it is
/// in vain.
pub fn has_ended(name: &str) -> bool {
    let pid = fs::read_to_string(place::get().directory.join(format!("run/{name}.pid")));
    // The number stands there as a whole once its line has ended.
    let Some(pid) = pid.ok().and_then(|line| line.strip_suffix('\n').map(str::to_owned)) else {
        return false;
    };
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.contains(") Z "))
}

fn keeper() -> &'static Mutex<Child> {
    static KEEPER: OnceLock<Mutex<Child>> = OnceLock::new();
    KEEPER.get_or_init(|| {
        let place = place::get();
        let script = place.write("run/keeper.sh", include_str!("keeper.sh"));
        let mut command = Command::new("setsid");
        if place.power == Power::Sudo {
            command.args(["sudo", "-n"]);
        }
        command.arg("sh").arg(script).arg(&place.directory);
        // Not our own outputs: who reads them must not wait for the keeper.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Mutex::new(command.spawn().expect("`setsid` and `sh` are everywhere"))
    })
}
