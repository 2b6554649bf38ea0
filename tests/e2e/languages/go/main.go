// The function of test_languages in Go: echo, fail, sleep, or tell what is seen.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

func handle(ctx context.Context, event map[string]any) (any, error) {
	if message, ok := event["fail"]; ok {
		return nil, fmt.Errorf("Error: %v", message)
	}
	if _, ok := event["sleep"]; ok {
		time.Sleep(time.Minute)
	}
	if _, ok := event["introspect"]; ok {
		return seen(ctx), nil
	}
	return event, nil
}

func seen(ctx context.Context) any {
	known, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	environment := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		environment[name] = value
	}
	return map[string]any{"environment": environment, "ctx": map[string]any{
		"aws_request_id":       known.AwsRequestID,
		"deadline":             deadline.UnixMilli(),
		"function_name":        lambdacontext.FunctionName,
		"function_version":     lambdacontext.FunctionVersion,
		"invoked_function_arn": known.InvokedFunctionArn,
		"log_group_name":       lambdacontext.LogGroupName,
		"log_stream_name":      lambdacontext.LogStreamName,
		"memory_limit_in_mb":   lambdacontext.MemoryLimitInMB,
	}}
}

func main() {
	lambda.Start(handle)
}
