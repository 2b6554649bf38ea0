"""The Ruby client: which log events come out of what a function prints and logs."""

from __future__ import annotations

import re

from tests.unit.runtimes.running_function import TEXT, Starter

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} #\d+"

PRINTING = """
puts "early"
def handler(event:, context:)
  puts "one", ["two", nil]
  print "a", "b"
  print "c\\nd"
  puts "!"
  p({ "k" => 1 })
  $stdout << "x" << 1 << "\\n"
  $stdout.printf("%03d\\n", 7)
  $stderr.puts "to stderr"
  warn "warned"
  puts
  puts "ended\\n"
  $stdout.write("\\xff bad\\n")
  putc "q"
  [$stdout.tty?, $stdout.sync, $stdout.fileno, $stdout.external_encoding.inspect, STDOUT.equal?($stdout)]
end
"""


def test_one_puts_is_one_event_and_one_line_of_a_print_is_one(start_ruby: Starter) -> None:
    function = start_ruby(PRINTING)
    assert function.result() == [False, True, 1, "nil", False]
    assert [text.replace("=>", " => ").replace("  ", " ") for text in function.log_texts] == [  # 3.4 writes it so
        "early\n", "one\ntwo\n\n", "abc\n", "d!\n", '{"k" => 1}\n',
        "x1\n", "007\n", "to stderr\n", "warned\n", "\n", "ended\n", "\ufffd bad\n", "q",
    ]  # fmt: skip
    assert {frame.type for frame in function.frames} == {TEXT}
    assert function.stdout == ""


LOGGING = """
require "logger"
LOG = Logger.new($stdout)
FILE = Logger.new(File.join(Dir.pwd, "own.log"))
def handler(event:, context:)
  LOG.info("two\\nlines")
  LOG.error("shop") { "in a block" }
  LOG.warn(RuntimeError.new("an exception"))
  Logger.new($stderr, level: :error).info("not logged")
  Logger.new(STDERR, formatter: proc { |severity, _, _, text| "#{severity}|#{text}" }).debug("mine")
  Logger.new(nil).info("to nowhere goes to the log too")
  FILE.info("elsewhere")
  File.read(File.join(Dir.pwd, "own.log")).lines.size
end
"""


def test_records_of_a_logger_have_the_request_in_them(start_ruby: Starter) -> None:
    function = start_ruby(LOGGING)
    posted = function.invoke()
    assert posted.json == 2
    texts = [re.sub(STAMP, "STAMP", text) for text in function.log_texts]
    request = posted.request_id
    assert texts == [
        f"I, [STAMP]  INFO {request} -- : two\nlines",
        f"E, [STAMP] ERROR {request} -- shop: in a block",
        f"W, [STAMP]  WARN {request} -- : an exception (RuntimeError)\n",
        "DEBUG|mine",
        f"I, [STAMP]  INFO {request} -- : to nowhere goes to the log too",
    ]


def test_without_a_descriptor_everything_goes_to_stdout(start_ruby: Starter) -> None:
    function = start_ruby("def handler(event:, context:)\n puts 'hello'\n raise 'no'\nend", telemetry=False)
    function.invoke()
    lines = function.stdout.splitlines()
    assert lines[:2] == ["hello", "Error raised from handler method"]
    assert lines[2] == "{"


def test_subprocesses_threads_and_forks(start_ruby: Starter) -> None:
    code = """
def handler(event:, context:)
  system("echo from a shell")
  4.times.map { Thread.new { 50.times { puts "x" * 2000 } } }.each(&:join)
  pid = fork { puts "forked"; exit!(0) }
  Process.wait(pid)
  at_exit { puts "at exit" }
  exit 2
end
"""
    function = start_ruby(code)
    assert function.invoke().what == "error"
    assert function.outcome().exit_code == 255
    texts = function.log_texts
    assert function.stdout == "from a shell\n"
    assert texts.count("x" * 2000 + "\n") == 200
    assert texts.count("forked\n") == 1
    assert texts[-1] == "at exit\n"
