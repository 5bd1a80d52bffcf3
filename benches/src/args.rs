//! The command line.

use crate::peers::PeerId;
use crate::plan::Plan;
use crate::workload::{Flavour, Workload, only_smoke};

pub const USAGE: &str = "\
usage: cargo run --release -- [OPTION]...

  --json           one JSON object per line instead of tables
  --markdown       one table of all medians (multi), to be pasted
  --smoke          one round of next to nothing: does everything still run?
  --only NAME      only this workload; several with commas, or given again
  --peer P         only this peer
  --flavour F      only multi, or only current
  --rounds N       how often each is measured (9; 3 where nothing is barred)
  --help           this";

pub enum Args {
    Help,
    Run { plan: Plan, style: Style },
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Tables,
    Json,
    Markdown,
}

/// # Errors
///
/// What was not understood, and what would have been.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Args, String> {
    let mut args = args.into_iter();
    let mut style = Style::Tables;
    let (mut workloads, mut peers, mut flavours) = (Vec::new(), Vec::new(), Vec::new());
    let mut rounds = None;
    while let Some(option) = args.next() {
        let mut value = || {
            let missing = || format!("{option} wants a value");
            args.next().ok_or_else(missing)
        };
        match option.as_str() {
            "--help" | "-h" => return Ok(Args::Help),
            "--json" => style = Style::Json,
            "--markdown" => style = Style::Markdown,
            "--smoke" => {
                only_smoke();
                rounds = Some(1);
            }
            "--only" => choose(&mut workloads, &value()?, &Workload::ALL, Workload::id)?,
            "--peer" => choose(&mut peers, &value()?, &PeerId::ALL, PeerId::id)?,
            "--flavour" => choose(&mut flavours, &value()?, &Flavour::ALL, Flavour::id)?,
            "--rounds" => {
                let given = value()?;
                let number = given.parse().ok().filter(|number| *number > 0);
                let wrong = || format!("--rounds wants a number above 0, not {given:?}");
                rounds = Some(number.ok_or_else(wrong)?);
            }
            other => return Err(format!("there is no option {other:?}; --help lists all")),
        }
    }
    let plan = Plan {
        workloads: or_all(workloads, &Workload::ALL),
        flavours: or_all(flavours, &Flavour::ALL),
        peers: or_all(peers, &PeerId::ALL),
        rounds,
    };
    Ok(Args::Run { plan, style })
}

fn choose<T: Copy + PartialEq>(
    chosen: &mut Vec<T>,
    names: &str,
    all: &[T],
    id: fn(T) -> &'static str,
) -> Result<(), String> {
    for name in names.split(',') {
        let Some(&one) = all.iter().find(|&&one| id(one) == name) else {
            let ids: Vec<_> = all.iter().map(|&one| id(one)).collect();
            return Err(format!("{name:?} is none of {}", ids.join(", ")));
        };
        if !chosen.contains(&one) {
            chosen.push(one);
        }
    }
    Ok(())
}

/// In the usual order, whatever the order they were given in.
fn or_all<T: Copy + PartialEq>(chosen: Vec<T>, all: &[T]) -> Vec<T> {
    let wanted = |one: &T| chosen.is_empty() || chosen.contains(one);
    all.iter().copied().filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(args: &str) -> Result<Plan, String> {
        match parse(args.split_whitespace().map(str::to_owned))? {
            Args::Run { plan, .. } => Ok(plan),
            Args::Help => Err("help".to_owned()),
        }
    }

    #[test]
    fn everything_is_measured_unless_something_is_chosen() {
        let all = plan("").expect("nothing is fine");
        assert_eq!(all.workloads, Workload::ALL);
        assert_eq!(all.peers, PeerId::ALL);
        let some = plan("--only stop,call --peer tokio --peer noex --rounds 3").expect("a plan");
        assert_eq!(some.workloads, [Workload::Call, Workload::Stop]);
        assert_eq!(some.peers, [PeerId::Noex, PeerId::Tokio]);
        assert_eq!(some.flavours, Flavour::ALL);
        assert_eq!(some.rounds, Some(3));
    }

    #[test]
    fn what_is_not_understood_is_told_with_what_would_be() {
        for wrong in [
            "--only calls",
            "--rounds 0",
            "--rounds",
            "--fast",
            "--peer go",
        ] {
            assert!(plan(wrong).is_err(), "{wrong}");
        }
        let error = plan("--flavour both").err().expect("an error");
        assert!(error.contains("multi, current"), "{error}");
    }
}
