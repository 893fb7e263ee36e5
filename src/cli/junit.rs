//! A JUnit report of `verify`, for continuous integration services.

use super::failure::Failure;
use super::finding::{Finding, Problem, Status};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::path::Path;

/// A suite a lesson, a test case a run of a step.
#[derive(Default)]
pub(crate) struct Junit {
    suites: Vec<(u32, TestSuite)>,
}

impl Junit {
    /// Adds what one run showed.
    pub(crate) fn add(&mut self, finding: &Finding) {
        let lesson = finding.chosen.lesson;
        let name = format!("{:02}-{}", lesson.number, lesson.name);
        let mut case = TestCase::new(
            format!("{} (round {})", finding.chosen.label(), finding.round),
            status(finding),
        );
        case.set_classname(name.clone()).set_time(finding.took);
        match self.suites.iter_mut().find(|(n, _)| *n == lesson.number) {
            Some((_, suite)) => {
                suite.add_test_case(case);
            }
            None => {
                let mut suite = TestSuite::new(name);
                suite.add_test_case(case);
                self.suites.push((lesson.number, suite));
            }
        }
    }

    /// Writes the report.
    pub(crate) fn write(self, path: &Path) -> Result<(), Failure> {
        let mut report = Report::new("glassbox verify");
        report.add_test_suites(self.suites.into_iter().map(|(_, suite)| suite));
        let failed = |why: String| {
            Failure::host(format!(
                "the JUnit report {} can't be written: {why}",
                path.display()
            ))
        };
        let text = report
            .to_string()
            .map_err(|error| failed(error.to_string()))?;
        std::fs::write(path, text).map_err(|error| failed(error.to_string()))
    }
}

fn status(finding: &Finding<'_>) -> TestCaseStatus {
    if let Some(first) = finding.left.first() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message(format!("left: {first}"));
        let mut lines: Vec<String> = Vec::new();
        for left in &finding.left {
            lines.push(format!("left: {left}; try: {}", left.remedy()));
        }
        if let Status::Failed(problems) = &finding.status {
            lines.extend(problems.iter().map(line));
        }
        status.set_description(lines.join("\n"));
        return status;
    }
    match &finding.status {
        Status::Passed => TestCaseStatus::success(),
        Status::Failed(problems) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let lines: Vec<String> = problems.iter().map(line).collect();
            if let Some(first) = problems.first() {
                status.set_message(first.claim.as_str());
            }
            status.set_description(lines.join("\n"));
            status
        }
        Status::Skipped(refusal) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(refusal.to_string());
            status
        }
    }
}

fn line(problem: &Problem) -> String {
    format!(
        "{} expected: {}; observed: {}",
        problem.claim, problem.expected, problem.observed
    )
}
