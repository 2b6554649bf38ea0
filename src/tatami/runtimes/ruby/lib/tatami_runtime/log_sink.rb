# frozen_string_literal: true

# Where log events go: frames on the platform's descriptor, or lines on stdout.
#
# A frame is a 4-byte type, a 4-byte length, an 8-byte time (microseconds since 1970), all big-endian, and that many
# bytes of UTF-8 text. As in AWS's client one `puts` is one event, however many lines it prints, and so is one record of a
# Logger that writes to stdout or stderr. To keep the order, $stdout and $stderr become streams whose complete lines are
# frames too; STDOUT, STDERR and the descriptors 1 and 2 stay what they were: subprocesses write there.

require "logger"

module TatamiRuntime
  # Writes events as frames to a descriptor.
  class FrameSink
    TYPE = 0xA55A0003 # a text without a level, the only type that AWS's client for Ruby writes

    def initialize(descriptor)
      @file = IO.for_fd(descriptor, "wb", autoclose: false)
      @file.close_on_exec = true
      @file.sync = true
      @lock = Monitor.new
      @streams = []
    end

    # Each text as one event.
    def event(*texts)
      now = ::Process.clock_gettime(::Process::CLOCK_REALTIME, :microsecond)
      data = texts.map do |text|
        bytes = LineStream.utf8(text).b
        [TYPE, bytes.bytesize, now].pack("L>L>Q>") << bytes
      end.join
      @lock.synchronize { @file.write(data) }
      nil
    end

    # What Logger calls on its device.
    def write(text)
      event(text)
    end

    def close; end

    def reopen(*) = self

    # Replaces $stdout and $stderr.
    def take_over_standard_streams
      $stdout.flush
      $stdout = stream(STDOUT)
      $stderr = stream(STDERR)
      at_exit { flush }
    end

    # Sends what stands in unfinished lines.
    def flush
      @streams.each(&:finish_line)
    end

    private

    def stream(original)
      LineStream.new(self, original).tap { |new| @streams << new }
    end
  end

  # Stands in for $stdout or $stderr: complete lines become events; what it does not know the original answers.
  class LineStream
    LONGEST_UNFINISHED_LINE = 8 * 1024 * 1024 # bytes

    # Valid UTF-8 of any value.
    def self.utf8(value)
      text = value.to_s
      text = text.dup.force_encoding(Encoding::UTF_8) if text.encoding == Encoding::BINARY
      text = text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace) unless text.encoding == Encoding::UTF_8
      text.scrub
    end

    def initialize(sink, original)
      @sink = sink
      @original = original
      @lock = Monitor.new
      @unfinished = +""
    end

    # One event per complete line; the rest waits for its end. Returns the number of bytes.
    def write(*values)
      @lock.synchronize do
        @unfinished << values.map { |value| LineStream.utf8(value) }.join
        *lines, last = @unfinished.lines
        lines << last if last && (last.end_with?("\n") || last.bytesize > LONGEST_UNFINISHED_LINE)
        @unfinished = lines.last.equal?(last) ? +"" : +last.to_s
        @sink.event(*lines) unless lines.empty?
      end
      values.sum { |value| value.to_s.bytesize }
    end

    # The whole text as one event.
    def puts(*values)
      text = values.empty? ? "\n" : values.flatten.map { |value| ended(LineStream.utf8(value)) }.join
      text = "\n" if text.empty?
      @lock.synchronize do
        @sink.event(@unfinished + text)
        @unfinished = +""
      end
      nil
    end

    def print(*values)
      write(*values)
      nil
    end

    def printf(format, *values)
      write(format(format, *values))
      nil
    end

    def putc(character)
      write(character.is_a?(Integer) ? (character & 0xff).chr : character.to_s[0])
      character
    end

    def <<(value)
      write(value)
      self
    end

    def pp(*values)
      values.each { |value| puts(value.pretty_inspect) }
      values.size > 1 ? values : values.first
    end

    def syswrite(text) = write(text)
    alias write_nonblock syswrite

    # Not the unfinished line: a progress bar that flushes every dot would become an event per dot.
    def flush = self

    def fsync = 0

    def sync = true

    def sync=(value)
      value
    end

    def tty? = false
    alias isatty tty?

    def finish_line
      @lock.synchronize do
        @sink.event(@unfinished) unless @unfinished.empty?
        @unfinished = +""
      end
    end

    def inspect = "#<IO:<#{@original.fileno == 1 ? 'STDOUT' : 'STDERR'}>>"

    def respond_to_missing?(name, all = false) = @original.respond_to?(name, all)

    def method_missing(name, ...)
      @original.respond_to?(name) ? @original.public_send(name, ...) : super
    end

    private

    def ended(text)
      text.end_with?("\n") ? text : "#{text}\n"
    end
  end

  # Writes events to stdout, where the platform asked for no frames.
  class StandardSink
    def event(*texts)
      texts.each { |text| $stdout.write(text) }
      $stdout.flush
    end

    def flush
      $stdout.flush
      $stderr.flush
    rescue IOError
      nil # the function closed its own stream
    end
  end

  # AWS's format of a Logger's record: Ruby's own with the id of the request in it.
  class RequestFormatter < Logger::Formatter
    def call(severity, time, progname, message)
      # rubocop:disable Style/GlobalVars
      format("%<letter>s, [%<time>s #%<pid>d] %<severity>5s %<request>s -- %<name>s: %<text>s",
             letter: severity[0], time: time.strftime(datetime_format || "%Y-%m-%dT%H:%M:%S.%6N"), pid: ::Process.pid,
             severity: severity, request: $_global_aws_request_id, name: progname, text: msg2str(message))
      # rubocop:enable Style/GlobalVars
    end
  end

  # Sends a Logger that writes to stdout, to stderr or nowhere to the sink, one event per record.
  module FramedLogger
    class << self
      attr_accessor :sink
    end

    def initialize(device, *arguments, formatter: nil, **options)
      standard = device.nil? || [STDOUT, STDERR, $stdout, $stderr].any? { |stream| device.equal?(stream) }
      return super unless standard

      super(FramedLogger.sink, *arguments, formatter: formatter || RequestFormatter.new, **options)
    end
  end

  # The sink the platform asked for; `_LAMBDA_TELEMETRY_LOG_FD` is taken out of `environment`.
  def self.open_sink(environment)
    $stdout.sync = true
    descriptor = environment.delete("_LAMBDA_TELEMETRY_LOG_FD")
    return StandardSink.new unless descriptor

    sink = FrameSink.new(Integer(descriptor))
    sink.take_over_standard_streams
    FramedLogger.sink = sink
    Logger.prepend(FramedLogger)
    sink
  end
end
