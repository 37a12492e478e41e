//! Refusals as problem details (RFC 9457).
//!
//! `title` belongs to the type and never changes; `detail` is about this occurrence.
//! Internal texts (addresses, keys, chains of causes) never stand in one: they go to the
//! log. Headers that a status needs (`Allow`, `Retry-After`) are for the HTTP layer to
//! set from the members of the same meaning.

use std::time::Duration;

use ez_domain::id::JobId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::fault::Fault;

/// Media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Kind of the problem: a URI reference, relative to the API.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kinds of this type have in common.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time and how to mend it.
    pub detail: String,
    /// The resource or request that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Every fault of a refused document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Seconds after which to try again: the `Retry-After` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
    /// Methods that the resource has: the `Allow` header.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
}

impl Problem {
    fn new(kind: &str, title: &str, status: u16, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status,
            detail: detail.into(),
            instance: None,
            errors: Vec::new(),
            retry_after_seconds: None,
            allow: Vec::new(),
        }
    }

    /// 400: the job specification has `faults`.
    pub fn bad_request(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] if only.pointer.is_empty() => only.detail.clone(),
            [only] => format!("{}: {}", only.pointer, only.detail),
            several => format!("{} faults; each is listed in errors with its place", several.len()),
        };
        Self { errors: faults, ..Self::new("invalid-job", "The job specification is not valid", 400, detail) }
    }

    /// 400: the request itself, not a document in it, cannot be served; `detail` says how to mend it.
    pub fn invalid_request(detail: impl Into<String>) -> Self {
        Self::new("invalid-request", "The request is not valid", 400, detail)
    }

    /// 401: the request does not carry the token of this installation's services.
    pub fn unauthorized() -> Self {
        let detail = "send this installation's service token as Authorization: Bearer TOKEN; every service is \
                      given the same one (Service_token_file)";
        Self::new("unauthorized", "The service token is missing or wrong", 401, detail)
    }

    /// 404: there is no job `id`.
    pub fn not_found(id: JobId) -> Self {
        let detail = format!("there is no job {id}; GET /jobs lists those there are");
        Self::new("job-not-found", "The job does not exist", 404, detail).about(format!("/jobs/{id}"))
    }

    /// 404: there is nothing at `path`.
    pub fn no_such_resource(path: &str) -> Self {
        let detail = "there is nothing at this address; jobs are at /jobs, the console is at /, and docs/job-reference.md lists all addresses";
        Self::new("not-found", "There is nothing here", 404, detail).about(path)
    }

    /// 409: the life cycle of the job does not allow it now; `detail` names the phase and the way out.
    pub fn conflict(id: JobId, detail: impl Into<String>) -> Self {
        Self::new("conflict", "The job does not allow this now", 409, detail).about(format!("/jobs/{id}"))
    }

    /// 413: the body has more than `limit_bytes`.
    pub fn too_large(limit_bytes: usize) -> Self {
        let detail = format!(
            "the body may have at most {limit_bytes} bytes; a job specification needs a few thousand"
        );
        Self::new("too-large", "The body is too large", 413, detail)
    }

    /// 415: the body is no JSON.
    pub fn unsupported_media_type() -> Self {
        let detail = "send the body as JSON with the header Content-Type: application/json";
        Self::new("unsupported-media-type", "The media type is not supported", 415, detail)
    }

    /// 405: `method` is none of the `allowed`.
    pub fn method_not_allowed(method: &str, allowed: &[&str]) -> Self {
        let detail = format!("{method} is not possible here; use {}", allowed.join(" or "));
        Self {
            allow: allowed.iter().map(|&method| method.to_owned()).collect(),
            ..Self::new("method-not-allowed", "The method is not allowed", 405, detail)
        }
    }

    /// 503: something the API depends on is away; worth trying again after `retry_after`.
    pub fn unavailable(retry_after: Duration) -> Self {
        // Rounded up: a client that comes early is turned away again.
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let seconds = seconds.max(1);
        let detail =
            format!("the service cannot answer just now; nothing was changed; try again in {seconds} s");
        Self {
            retry_after_seconds: Some(seconds),
            ..Self::new("unavailable", "The service is not available", 503, detail)
        }
    }

    /// 500: a fault of ours; the log has the cause under the request's identity.
    pub fn internal() -> Self {
        let detail = "the request failed through a fault of the service; its log says why";
        Self::new("internal", "Internal error", 500, detail)
    }

    /// The same problem, about the resource `instance`.
    #[must_use]
    pub fn about(self, instance: impl Into<String>) -> Self {
        Self { instance: Some(instance.into()), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(pointer: &str) -> Fault {
        Fault { pointer: pointer.to_owned(), detail: "is missing; give it".to_owned() }
    }

    fn id() -> JobId {
        "0191e7c6-7d4e-7c3a-9b1f-2a3b4c5d6e7f".parse().unwrap()
    }

    #[test]
    fn the_wire_form_of_a_refused_job() {
        let problem = Problem::bad_request(vec![fault("/Output/Stream_type"), fault("/Output/S3_output")]);
        insta::assert_json_snapshot!(problem, @r#"
        {
          "type": "/problems/invalid-job",
          "title": "The job specification is not valid",
          "status": 400,
          "detail": "2 faults; each is listed in errors with its place",
          "errors": [
            {
              "pointer": "/Output/Stream_type",
              "detail": "is missing; give it"
            },
            {
              "pointer": "/Output/S3_output",
              "detail": "is missing; give it"
            }
          ]
        }
        "#);
    }

    #[test]
    fn each_problem_has_its_status_and_reads_back() {
        let problems = [
            (400, Problem::bad_request(vec![fault("/Output")])),
            (400, Problem::invalid_request("use PUT /jobs/{id}/stop or /resume")),
            (404, Problem::not_found(id())),
            (404, Problem::no_such_resource("/job")),
            (405, Problem::method_not_allowed("PATCH", &["GET", "DELETE"])),
            (409, Problem::conflict(id(), "the job is running; stop it first")),
            (413, Problem::too_large(65_536)),
            (415, Problem::unsupported_media_type()),
            (500, Problem::internal()),
            (503, Problem::unavailable(Duration::from_millis(1500))),
        ];
        let mut kinds: Vec<String> = problems.iter().map(|(_, problem)| problem.kind.clone()).collect();
        kinds.sort();
        kinds.dedup();
        assert_eq!(kinds.len(), problems.len(), "each problem has a type of its own");
        for (status, problem) in problems {
            assert_eq!(problem.status, status);
            let value = serde_json::to_value(&problem).unwrap();
            assert_eq!(value["status"], status);
            assert!(value["type"].as_str().unwrap().starts_with("/problems/"));
            assert_eq!(serde_json::from_value::<Problem>(value).unwrap(), problem);
        }
    }

    #[test]
    fn details_name_the_way_out() {
        assert_eq!(Problem::bad_request(vec![fault("/Output")]).detail, "/Output: is missing; give it");
        assert_eq!(Problem::method_not_allowed("PATCH", &["GET", "DELETE"]).allow, ["GET", "DELETE"]);
        assert_eq!(Problem::not_found(id()).instance.unwrap(), format!("/jobs/{}", id()));
        for (wait, seconds) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (30_000, 30)] {
            let problem = Problem::unavailable(Duration::from_millis(wait));
            assert_eq!(problem.retry_after_seconds, Some(seconds), "{wait} ms");
        }
    }
}
