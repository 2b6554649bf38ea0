//! The function of test_languages in Rust: echo, fail, sleep, or tell what is seen.

use lambda_runtime::{run, service_fn, Context, Error, LambdaEvent};
use serde_json::{json, Value};
use std::collections::HashMap;

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    if let Some(message) = event.payload["fail"].as_str() {
        return Err(format!("Error: {message}").into());
    }
    if !event.payload["sleep"].is_null() {
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    }
    if !event.payload["introspect"].is_null() {
        return Ok(seen(&event.context));
    }
    Ok(event.payload)
}

fn seen(context: &Context) -> Value {
    let known = &context.env_config;
    let environment: HashMap<String, String> = std::env::vars().collect();
    json!({"environment": environment, "ctx": {
        "aws_request_id": context.request_id,
        "deadline": context.deadline,
        "function_name": known.function_name,
        "function_version": known.version,
        "invoked_function_arn": context.invoked_function_arn,
        "log_group_name": known.log_group,
        "log_stream_name": known.log_stream,
        "memory_limit_in_mb": known.memory,
    }})
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}
