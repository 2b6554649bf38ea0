// The `context` a handler receives.

/** Facts about one answer of /next: ids, deadline, and the texts the context is made of. */
export function invocationOf({ headers, body }) {
  return {
    body,
    requestId: headers["lambda-runtime-aws-request-id"],
    deadlineMs: Number(headers["lambda-runtime-deadline-ms"]),
    functionArn: headers["lambda-runtime-invoked-function-arn"],
    traceId: headers["lambda-runtime-trace-id"],
    clientContext: headers["lambda-runtime-client-context"],
    identity: headers["lambda-runtime-cognito-identity"],
    tenantId: headers["lambda-runtime-aws-tenant-id"],
    invocationId: headers["lambda-runtime-invocation-id"],
  };
}

/** The context object: values from the environment are strings; `completion` gives done, succeed and fail. */
export function createContext(invocation, environment, completion) {
  return {
    get callbackWaitsForEmptyEventLoop() {
      return completion.waitForEmptyEventLoop;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      completion.waitForEmptyEventLoop = value;
    },
    succeed: (result) => completion.done(null, result),
    fail: (error) => completion.done(error ?? "handled"),
    done: (error, result) => completion.done(error, result),
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(invocation.clientContext, "ClientContext"),
    identity: parsed(invocation.identity, "CognitoIdentity"),
    invokedFunctionArn: invocation.functionArn,
    awsRequestId: invocation.requestId,
    tenantId: invocation.tenantId,
    getRemainingTimeInMillis: () => Math.max(0, invocation.deadlineMs - Date.now()),
  };
}

function parsed(header, name) {
  if (header === undefined) return undefined;
  try {
    return JSON.parse(header);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`, { cause: error });
  }
}
