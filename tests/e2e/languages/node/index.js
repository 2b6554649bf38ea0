// The function of test_languages in Node.js: echo, fail, sleep, or tell what is seen.
exports.handler = async (event, context) => {
    if (event.fail) throw new Error(`Error: ${event.fail}`);
    if (event.sleep) await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (!event.introspect) return event;
    const ctx = {
        aws_request_id: context.awsRequestId,
        function_name: context.functionName,
        function_version: context.functionVersion,
        invoked_function_arn: context.invokedFunctionArn,
        log_group_name: context.logGroupName,
        log_stream_name: context.logStreamName,
        remaining_time_in_millis: context.getRemainingTimeInMillis(),
    };
    return { ctx, environment: process.env };
};
