# frozen_string_literal: true

# Client of the Lambda Runtime API (2018-06-01) over one kept connection. `net/http` would triple the start.

require "socket"

module TatamiRuntime
  # The Runtime API cannot be talked to any more; the process has nothing left to do.
  class RuntimeApiError < StandardError; end

  # One answer of /next: its body and, by `[name]` in any case, its headers.
  class Invocation
    attr_reader :body

    def initialize(headers, body)
      @headers = headers
      @body = body
    end

    def [](name)
      @headers[name.downcase]
    end

    def request_id
      self["lambda-runtime-aws-request-id"]
    end
  end

  # Speaks to `address` ("host:port", the value of AWS_LAMBDA_RUNTIME_API).
  class RuntimeClient
    PREFIX = "/2018-06-01/runtime"
    LONGEST_ERROR_TYPE = 256 # characters

    def initialize(address)
      @address = address
      host, _, port = address.rpartition(":")
      @host = host.delete("[]")
      @port = port.to_i
      @connection = nil
    end

    # Waits, without a limit, for an Invocation. Raises RuntimeApiError when the platform is gone.
    def next
      status, headers, body = exchange("GET", "/invocation/next", {}, nil)
      raise RuntimeApiError, "/invocation/next was answered with #{status.inspect}" unless status == 200

      Invocation.new(headers, body.force_encoding(Encoding::UTF_8))
    end

    # Posts the result; a refusal (too large, an id that is over) is the platform's to report.
    def post_response(invocation, body, content_type)
      post_about(invocation, "response", { "Content-Type" => content_type }, body)
    end

    def post_error(invocation, fault)
      headers = error_headers(fault)
      cause = fault.xray_cause
      headers["Lambda-Runtime-Function-XRay-Error-Cause"] = cause unless cause.empty?
      post_about(invocation, "error", headers, fault.json)
    end

    # Posts an error of the initialisation; whatever the answer, the caller exits next.
    def post_init_error(fault)
      exchange("POST", "/init/error", error_headers(fault), fault.json)
    end

    private

    def error_headers(fault)
      type = fault.header[0, LONGEST_ERROR_TYPE].gsub(/[^ -~]/, "?")
      { "Content-Type" => "application/json", "Lambda-Runtime-Function-Error-Type" => type }
    end

    def post_about(invocation, what, headers, body)
      id = invocation["lambda-runtime-invocation-id"]
      headers["Lambda-Runtime-Invocation-Id"] = id if id
      status, = exchange("POST", "/invocation/#{invocation.request_id}/#{what}", headers, body)
      # The guide: a 500 is a container error that cannot be recovered from; the runtime exits promptly.
      raise RuntimeApiError, "posting the #{what} was answered with #{status}" if status && status >= 500
    end

    # One request: [status, headers, body], or nil when the connection broke before an answer, twice.
    def exchange(method, path, headers, body)
      head = head_of(method, path, headers, body)
      2.times do
        return attempt(head, body)
      rescue SystemCallError, EOFError, IOError
        # A kept connection may have been closed meanwhile, or the server refused the body halfway.
        disconnect
      end
      nil
    end

    def head_of(method, path, headers, body)
      lines = ["#{method} #{PREFIX}#{path} HTTP/1.1", "Host: #{@address}", "User-Agent: tatami-ruby/#{RUBY_VERSION}"]
      lines.concat(headers.map { |name, value| "#{name}: #{value}" })
      lines << "Content-Length: #{body.bytesize}" if body
      "#{lines.join("\r\n")}\r\n\r\n".b
    end

    def attempt(head, body)
      connect unless @connection
      begin
        @connection.write(body ? head + body.b : head)
      rescue Errno::EPIPE, Errno::ECONNRESET
        nil # a server that refuses a large body answers and closes without reading it: the answer may be there
      end
      read_answer
    end

    def connect
      @connection = TCPSocket.new(@host, @port)
      @connection.setsockopt(Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1)
    end

    def disconnect
      @connection&.close
    rescue SystemCallError, IOError
      nil
    ensure
      @connection = nil
    end

    def read_answer
      status, headers = read_head
      status, headers = read_head while status < 200
      chunked = headers["transfer-encoding"].to_s.casecmp?("chunked")
      body = chunked ? read_chunks : read_exactly(headers["content-length"].to_i)
      disconnect if headers["connection"].to_s.casecmp?("close")
      [status, headers, body]
    end

    def read_head
      status = line.split(" ", 3)[1].to_i
      headers = {}
      until (text = line).empty?
        name, _, value = text.partition(":")
        headers[name.strip.downcase] = value.strip.force_encoding(Encoding::UTF_8)
      end
      [status, headers]
    end

    def line
      (@connection.gets("\r\n") || raise(EOFError)).chomp("\r\n")
    end

    def read_exactly(length)
      return +"" if length.zero?

      body = @connection.read(length)
      raise EOFError unless body && body.bytesize == length

      body
    end

    def read_chunks
      body = +"".b
      until (length = line.to_i(16)).zero?
        body << read_exactly(length)
        line
      end
      nil until line.empty?
      body
    end
  end
end
