# frozen_string_literal: true

# The life of the process: prepare, load the handler, serve invocations one after the other.
#
# Plain Ruby >= 3.0 with the standard library only. Behaviour follows AWS's runtime interface client for Ruby 3.1:
# which errors end the process, their types, texts and exit codes.

require "json"
require_relative "context"
require_relative "faults"
require_relative "handler"
require_relative "log_sink"
require_relative "marshaller"
require_relative "runtime_client"

module TatamiRuntime
  module Process
    INIT_EXIT_CODE = 252 # AWS's client exits with -4
    CRITICAL_EXIT_CODE = 255 # and with -1

    module_function

    # Runs the function of this environment until the platform ends the process.
    def start
      prepare_encoding
      sink = TatamiRuntime.open_sink(ENV)
      prepare_gems
      client = RuntimeClient.new(ENV.fetch("AWS_LAMBDA_RUNTIME_API"))
      handler = initialise(client, sink)
      loop { serve(client, sink, handler) }
    rescue RuntimeApiError => e
      warn "Runtime API: #{e.message}"
      exit!(1)
    end

    # LANG may name a locale that this machine lacks. LC_CTYPE, which the platform adds, has made Ruby's strings UTF-8 when
    # it started, and is none of the variables that a function sees on AWS.
    def prepare_encoding
      Encoding.default_external = Encoding::UTF_8
      ENV.delete("LC_CTYPE") if ENV["LC_CTYPE"] == "C.UTF-8"
    end

    # GEM_PATH as AWS sets it leaves out the interpreter's own gems, which on AWS lie in /var/runtime.
    def prepare_gems
      return unless defined?(Gem) && ENV["GEM_PATH"]

      folders = ENV["GEM_PATH"].split(File::PATH_SEPARATOR) | Gem.default_path
      Gem.paths = { "GEM_HOME" => ENV["GEM_HOME"], "GEM_PATH" => folders.join(File::PATH_SEPARATOR) }
    end

    # The handler, or the end of the process: an error of the function's file is posted.
    def initialise(client, sink)
      root = Dir.pwd
      $LOAD_PATH.unshift(root) unless $LOAD_PATH.include?(root)
      handler = LambdaHandler.new(ENV.fetch("_HANDLER", ""))
      require handler.file_name
      handler
    rescue Exception => e # rubocop:disable Lint/RescueException - LoadError, SyntaxError and `exit` too
      fault = Fault.new(e, "Init")
      log_error(sink, fault, "Init error when loading handler #{ENV.fetch('_HANDLER', '')}")
      client.post_init_error(fault)
      finish(sink, INIT_EXIT_CODE)
    end

    # One invocation from /next to its posted outcome.
    def serve(client, sink, handler)
      invocation = client.next
      # The name under which AWS's log formatter finds the request.
      $_global_aws_request_id = invocation.request_id # rubocop:disable Style/GlobalVars
      set_trace_id(invocation["lambda-runtime-trace-id"])
      body, content_type = outcome(invocation, handler)
    rescue Failed => e
      log_error(sink, e.fault, e.critical ? "Critical exception from handler" : "Error raised from handler method")
      client.post_error(invocation, e.fault)
      finish(sink, CRITICAL_EXIT_CODE) if e.critical
    else
      sink.flush
      client.post_response(invocation, body, content_type)
    end

    # [body, content type] of the handler's result. Raises Failed.
    def outcome(invocation, handler)
      event = AwsLambda::Marshaller.marshall_request(invocation)
      result = handler.call_handler(request: event, context: LambdaContext.new(invocation))
      TatamiRuntime.body_of(AwsLambda::Marshaller.marshall_response(result))
    rescue NameError => e # and NoMethodError: AWS's client ends for these
      raise Failed.new(Fault.new(e), true)
    rescue StandardError => e
      raise Failed.new(Fault.new(e), false)
    rescue Exception => e # rubocop:disable Lint/RescueException - `exit`, `abort`, NotImplementedError
      raise Failed.new(Fault.new(e), true)
    end

    def set_trace_id(trace_id)
      trace_id.nil? || trace_id.empty? ? ENV.delete("_X_AMZN_TRACE_ID") : ENV["_X_AMZN_TRACE_ID"] = trace_id
    end

    def log_error(sink, fault, message)
      sink.event("#{message}\n")
      sink.event("#{fault.pretty}\n")
      sink.flush
    end

    # `exit` runs the function's own at_exit blocks, as on AWS.
    def finish(sink, code)
      sink.flush
      exit(code)
    end
  end
end
