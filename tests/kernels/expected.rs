//! `expected.toml`: which steps may be skipped, where, for whom and why.

use glassbox::plan::Need;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    #[serde(default)]
    skip: Vec<Skip>,
}

/// Skips for one reason.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Skip {
    /// The ids of the steps.
    steps: Vec<String>,
    /// Names from the table `kernels`, or `own`.
    kernels: Vec<String>,
    /// `root`, `user` or both.
    users: Vec<String>,
    /// What is wanting, as `verify --json` says.
    pub need: Need,
    /// The kernel's answer by its name; none where no call failed.
    pub errno: Option<String>,
    /// For the reader: why it has to be so.
    pub why: String,
    /// Only with `own`: what of the session, not of the kernel, decides
    /// whether it is skipped. Then it may be, or not.
    pub depends_on: Option<String>,
}

impl Skip {
    /// A reason as one writes it in a sentence.
    pub fn reason(need: &Need, errno: Option<&str>) -> String {
        match errno {
            Some(errno) => format!("{need} ({errno})"),
            None => need.to_string(),
        }
    }
}

impl Expected {
    /// Reads the list.
    ///
    /// # Errors
    /// What in it is not about a kernel, a user or a step that exists, or is
    /// said twice.
    pub fn read(text: &str, kernels: &[String], steps: &[String]) -> Result<Expected, String> {
        let expected: Expected = toml::from_str(text).map_err(|error| error.to_string())?;
        let users = ["root".to_string(), "user".to_string()];
        let mut seen = Vec::new();
        for skip in &expected.skip {
            let told = |what: &str, word: &str, known: &[String]| match known
                .iter()
                .any(|name| name == word)
            {
                true => Ok(()),
                false => Err(format!("there is no {what} `{word}`")),
            };
            if skip.depends_on.is_some() && skip.kernels != ["own"] {
                return Err("only on `own` may a skip depend on something".into());
            }
            for step in &skip.steps {
                told("step", step, steps)?;
                for kernel in &skip.kernels {
                    told("kernel", kernel, kernels)?;
                    for user in &skip.users {
                        told("user", user, &users)?;
                        let place = (step, kernel, user);
                        if seen.contains(&place) {
                            return Err(format!("{place:?} is there twice"));
                        }
                        seen.push(place);
                    }
                }
            }
        }
        Ok(expected)
    }

    /// The entry for this step, kernel and user.
    pub fn skip(&self, step: &str, kernel: &str, user: &str) -> Option<&Skip> {
        let has = |list: &[String], word: &str| list.iter().any(|item| item == word);
        self.skip.iter().find(|skip| {
            has(&skip.steps, step) && has(&skip.kernels, kernel) && has(&skip.users, user)
        })
    }
}
