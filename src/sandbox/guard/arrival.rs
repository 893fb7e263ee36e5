//! What arrives from the main process: it is checked here, whoever sent it.

use super::broken::Broken;
use crate::plan::{Checked, Plan};

/// A plan, if it can be carried out; else everything that is wrong with it.
pub(super) fn accepted(plan: Plan) -> Result<Plan, Broken> {
    let checked = plan.check();
    checked.map(Checked::into_plan).map_err(Broken::Unchecked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_nobody_has_checked_is_refused_where_it_arrives() {
        for (text, flaw) in [
            (
                "mount = { type = 'ext4', path = '/m' }",
                "can't be mounted here",
            ),
            (
                "store = { path = '/m', size = '64GiB' }",
                "more than a demo may take",
            ),
            (
                "spawn = { workload = 'sleep', count = 100000 }",
                "100000 processes",
            ),
            ("find-queue = 0", "IPC_PRIVATE"),
        ] {
            let action = format!("in = 'b'\ndo.{text}");
            let plan = Plan {
                boxes: vec![toml::from_str("name = 'b'\nnamespaces = ['mount']").unwrap()],
                actions: vec![toml::from_str(&action).unwrap()],
                ..Plan::default()
            };
            let wire = serde_json::to_string(&plan).unwrap();
            let refused = accepted(serde_json::from_str(&wire).unwrap());
            match refused {
                Err(broken) => assert!(broken.to_string().contains(flaw), "{broken}"),
                Ok(_) => panic!("{text}"),
            }
        }
    }
}
