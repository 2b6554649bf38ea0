# frozen_string_literal: true

# Errors as the Runtime API and the log want them: {"errorMessage", "errorType", "stackTrace"}, recorded on AWS as
# `Function<RuntimeError>` for a handler's error; `Init<...>` is AWS's client's own name for errors before that.

require "json"

module TatamiRuntime
  RUNTIME_FOLDER = "#{File.expand_path('../..', __dir__)}/"

  # How an invocation failed. critical: the process ends after the error was posted.
  class Failed < StandardError
    attr_reader :fault, :critical

    def initialize(fault, critical)
      super(fault.message)
      @fault = fault
      @critical = critical
    end
  end

  # An exception in the shapes in which it is told.
  class Fault
    MOST_FRAMES = 100
    MOST_CAUSE_FRAMES = 15
    LONGEST_XRAY_CAUSE = 64 * 1024 # bytes; the platform keeps no more
    TOLD_TYPES = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze

    attr_reader :message

    def initialize(error, phase = "Function")
      @message = text(error.message)
      @class_name = error.class.to_s
      @type = "#{phase}<#{@class_name}>"
      @frames = own_frames(error.backtrace_locations || [])
    end

    # The value of the header Lambda-Runtime-Function-Error-Type.
    def header
      TOLD_TYPES.include?(@class_name) ? @type : "Function<UserException>"
    end

    def document
      { "errorMessage" => @message, "errorType" => @type, "stackTrace" => @frames.map { |frame| text(frame.to_s) } }
    end

    def json
      JSON.generate(document)
    end

    def pretty
      JSON.pretty_generate(document)
    end

    # The value of the header Lambda-Runtime-Function-XRay-Error-Cause, "" when it would be too long.
    def xray_cause
      stack = @frames.first(MOST_CAUSE_FRAMES).map do |frame|
        { "path" => frame.path, "line" => frame.lineno, "label" => frame.label }
      end
      exception = { "message" => @message, "type" => @type, "stack" => stack }
      paths = defined?(Gem) ? Gem.path : []
      cause = JSON.generate({ "working_directory" => folder, "paths" => paths, "exceptions" => [exception] },
                            ascii_only: true)
      cause.bytesize > LONGEST_XRAY_CAUSE ? "" : cause
    end

    private

    # The function's own frames; what lies below the first frame of the runtime is the runtime's affair.
    def own_frames(frames)
      frames.first(MOST_FRAMES).take_while { |frame| !frame.to_s.start_with?(RUNTIME_FOLDER) }
    end

    def folder
      Dir.pwd
    rescue SystemCallError # the function has removed it
      ""
    end

    # Valid UTF-8, whatever an exception's message was made of.
    def text(value)
      string = value.to_s
      return string.scrub if string.encoding == Encoding::UTF_8

      string.encode("UTF-8", invalid: :replace, undef: :replace)
    end
  end
end
