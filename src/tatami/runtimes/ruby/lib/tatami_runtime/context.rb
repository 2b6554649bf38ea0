# frozen_string_literal: true

require "json"

# The `context` a handler receives: facts about this invocation, this function and its environment. Values from the
# environment are strings, as in AWS's client; `deadline_ms` is milliseconds since 1970.
class LambdaContext
  attr_reader :aws_request_id, :invoked_function_arn, :log_group_name, :log_stream_name, :function_name,
              :memory_limit_in_mb, :function_version, :identity, :client_context, :tenant_id, :deadline_ms

  # invocation: answers `[name in lower case]` with a header of /next.
  def initialize(invocation)
    @aws_request_id = invocation["lambda-runtime-aws-request-id"]
    @invoked_function_arn = invocation["lambda-runtime-invoked-function-arn"]
    @deadline_ms = invocation["lambda-runtime-deadline-ms"].to_i
    @tenant_id = given(invocation["lambda-runtime-aws-tenant-id"])
    @identity = parsed(invocation["lambda-runtime-cognito-identity"])
    @client_context = parsed(invocation["lambda-runtime-client-context"])
    @log_group_name = ENV.fetch("AWS_LAMBDA_LOG_GROUP_NAME", nil)
    @log_stream_name = ENV.fetch("AWS_LAMBDA_LOG_STREAM_NAME", nil)
    @function_name = ENV.fetch("AWS_LAMBDA_FUNCTION_NAME", nil)
    @function_version = ENV.fetch("AWS_LAMBDA_FUNCTION_VERSION", nil)
    @memory_limit_in_mb = ENV.fetch("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", nil)
  end

  # Milliseconds until the function's timeout, 0 when it is over.
  def get_remaining_time_in_millis # rubocop:disable Naming/AccessorMethodName - AWS's name
    [@deadline_ms - ::Process.clock_gettime(::Process::CLOCK_REALTIME, :millisecond), 0].max
  end

  private

  def given(header)
    header unless header.to_s.empty?
  end

  def parsed(header)
    JSON.parse(header) if given(header)
  end
end
