# frozen_string_literal: true

# The function of test_languages in Ruby: echo, fail, sleep, or tell what is seen.
def handler(event:, context:)
  raise "Error: #{event['fail']}" if event["fail"]

  sleep 60 if event["sleep"]
  return event unless event["introspect"]

  names = %i[aws_request_id function_name function_version invoked_function_arn log_group_name log_stream_name
             memory_limit_in_mb]
  ctx = names.to_h { |name| [name, context.public_send(name)] }
  { ctx: ctx.merge(remaining_time_in_millis: context.get_remaining_time_in_millis), environment: ENV.to_h }
end
