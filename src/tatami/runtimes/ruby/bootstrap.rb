# frozen_string_literal: true

# The program of a Ruby function's sandbox: `ruby bootstrap.rb`.

require_relative "lib/tatami_runtime/process"

TatamiRuntime::Process.start
