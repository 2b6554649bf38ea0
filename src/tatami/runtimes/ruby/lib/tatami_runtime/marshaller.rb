# frozen_string_literal: true

require "json"
require "stringio"

module AwsLambda
  # Events and results between JSON and Ruby values. The names are AWS's: functions may override both methods.
  class Marshaller
    class << self
      # The event: parsed JSON, or the body as it is when its type is another.
      def marshall_request(raw_request)
        raw_request["Content-Type"] == "application/json" ? JSON.parse(raw_request.body) : raw_request.body
      end

      # The result as a JSON text, or [object that can be read, content type].
      def marshall_response(method_response)
        case method_response
        when StringIO, IO then [method_response, "application/unknown"]
        else method_response.to_json
        end
      end
    end
  end
end

module TatamiRuntime
  # [bytes, content type] of what Marshaller.marshall_response returned.
  def self.body_of(marshalled)
    content, content_type = marshalled
    content = content.read if content_type == "application/unknown"
    [content.to_s, content_type || "application/json"]
  end
end
