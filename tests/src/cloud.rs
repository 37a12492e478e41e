//! A bucket and a queue in a cloud that is a process of this machine: moto, which speaks S3 and SQS.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, ensure};
use ez_local::launch::Cloud;
use ez_testkit::sqs::{ACCESS_KEY, REGION, endpoint};
use reqwest::{Client, RequestBuilder};

/// Players in browsers are on pages of another origin than the bucket.
const CORS: &str = "<CORSConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><CORSRule>\
    <AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedMethod>HEAD</AllowedMethod>\
    <AllowedHeader>*</AllowedHeader><ExposeHeader>Date</ExposeHeader></CORSRule></CORSConfiguration>";

/// Makes a bucket and a queue that nobody has used.
///
/// # Errors
/// When moto does not start, or refuses.
pub async fn rent() -> Result<Cloud> {
    static RENTED: AtomicU32 = AtomicU32::new(1);
    let number = RENTED.fetch_add(1, Ordering::Relaxed);
    let (bucket, queue) = (format!("media-{number}"), format!("commands-{number}"));
    let endpoint = endpoint().await?;
    let http = Client::builder().no_proxy().build()?;
    let made = http.put(format!("{endpoint}/{bucket}"));
    send(made, "s3").await.context("make the bucket")?;
    let shared = http.put(format!("{endpoint}/{bucket}?cors")).body(CORS);
    send(shared, "s3").await.context("let pages of other origins read the bucket")?;
    let policy = format!(
        r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::{bucket}/output_*"}}]}}"#
    );
    let open = http.put(format!("{endpoint}/{bucket}?policy")).body(policy);
    send(open, "s3").await.context("let everybody read media")?;
    for name in [queue.clone(), format!("{queue}_parked")] {
        let form = format!("Action=CreateQueue&Version=2012-11-05&QueueName={name}");
        let made =
            http.post(&endpoint).header("Content-Type", "application/x-www-form-urlencoded").body(form);
        send(made, "sqs").await.context("make a queue")?;
    }
    Ok(Cloud {
        s3_endpoint: endpoint.clone(),
        bucket,
        sqs_endpoint: endpoint,
        queue,
        region: REGION.to_owned(),
        access_key: (ACCESS_KEY.0.to_owned(), ACCESS_KEY.1.to_owned()),
    })
}

/// moto checks no signature, but tells services apart by its scope.
async fn send(request: RequestBuilder, service: &str) -> Result<()> {
    let scope = format!("{}/20260101/{REGION}/{service}/aws4_request", ACCESS_KEY.0);
    let signature = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0");
    let response = request.header("Authorization", signature).send().await?;
    let status = response.status();
    ensure!(status.is_success(), "moto answers {status}: {}", response.text().await?);
    Ok(())
}
