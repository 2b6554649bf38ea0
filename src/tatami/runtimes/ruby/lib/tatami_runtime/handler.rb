# frozen_string_literal: true

# From `_HANDLER` to the method: `file.method`, or `file.Module::Class.method` for a class method.
# The class has the name of AWS's, because Ruby's messages about a missing handler name it.
class LambdaHandler
  attr_reader :file_name

  # Raises ArgumentError with AWS's text when the name has another form.
  def initialize(name)
    parts = name.split(".")
    unless [2, 3].include?(parts.size)
      raise ArgumentError, "Invalid handler #{parts}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where " \
                           "FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional " \
                           "module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a " \
                           "class-level method."
    end
    @file_name = parts.first
    @owner_name = parts[1] if parts.size == 3
    @method_name = parts.last
  end

  # What the handler returns. A method of the file itself is a private method of every object, also of this one.
  def call_handler(request:, context:)
    return __send__(@method_name, event: request, context: context) unless @owner_name

    Kernel.const_get(@owner_name).send(@method_name, event: request, context: context)
  end
end
