//! `PUT /jobs/{id}`: stop and resume in the original's oldest documentation; refused with the way out.

use ez_api::problem::Problem;

use super::path::JobOfPath;
use crate::refusal::Refusal;

/// Which of the two was meant cannot be told, so nothing is done.
pub(crate) async fn handle(JobOfPath(id): JobOfPath) -> Refusal {
    let detail = format!("say what to do with the job: PUT /jobs/{id}/stop or PUT /jobs/{id}/resume");
    Problem::invalid_request(detail).about(format!("/jobs/{id}")).into()
}
