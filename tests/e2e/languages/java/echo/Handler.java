package echo;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.Map;

/** The function of test_languages in Java: echo, fail, sleep, or tell what is seen. */
public class Handler implements RequestHandler<Map<String, Object>, Object> {
    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        if (event.containsKey("fail")) {
            throw new RuntimeException("Error: " + event.get("fail"));
        }
        if (event.containsKey("sleep")) {
            sleep();
        }
        return event.containsKey("introspect") ? seen(context) : event;
    }

    /** A handler named as `echo.Handler::plain`. */
    public Map<String, Object> plain(Map<String, Object> event) {
        return Map.of("plain", event);
    }

    private static void sleep() {
        try {
            Thread.sleep(60_000);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private static Object seen(Context context) {
        Map<String, Object> ctx = new HashMap<>();
        ctx.put("aws_request_id", context.getAwsRequestId());
        ctx.put("function_name", context.getFunctionName());
        ctx.put("function_version", context.getFunctionVersion());
        ctx.put("invoked_function_arn", context.getInvokedFunctionArn());
        ctx.put("log_group_name", context.getLogGroupName());
        ctx.put("log_stream_name", context.getLogStreamName());
        ctx.put("memory_limit_in_mb", String.valueOf(context.getMemoryLimitInMB()));
        ctx.put("remaining_time_in_millis", context.getRemainingTimeInMillis());
        return Map.of("ctx", ctx, "environment", System.getenv());
    }
}
