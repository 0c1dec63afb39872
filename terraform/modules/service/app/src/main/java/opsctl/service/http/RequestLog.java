package opsctl.service.http;

import io.javalin.Javalin;
import io.javalin.config.JavalinConfig;
import io.javalin.http.Context;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.slf4j.event.Level;

/**
 * Each request's id, its line in the log and its place in the metrics.
 *
 * <p>The query is not logged: it may hold what nobody wants in a log.
 */
final class RequestLog {
    private static final Logger LOG = LoggerFactory.getLogger("opsctl.service.requests");
    private static final String HEADER = "X-Request-Id";
    private static final String FIELD = "request_id";
    private static final Pattern ACCEPTED = Pattern.compile("[A-Za-z0-9._=:+/-]{1,128}");

    private RequestLog() {}

    static void configure(JavalinConfig config, MeterRegistry meters) {
        config.requestLogger.http((context, milliseconds) -> {
            MDC.put(FIELD, id(context));
            LOG.atLevel(level(context))
                    .addKeyValue("method", context.req().getMethod())
                    .addKeyValue("path", context.path())
                    .addKeyValue("status", context.statusCode())
                    .addKeyValue("duration_ms", Math.round(milliseconds * 1000) / 1000.0)
                    .log("request");
            Timer.builder("http.server.requests")
                    .tag("method", context.req().getMethod())
                    .tag("uri", route(context))
                    .tag("status", Integer.toString(context.statusCode()))
                    .register(meters)
                    .record(Duration.ofNanos((long) (milliseconds * 1_000_000)));
            MDC.remove(FIELD);
        });
    }

    static void addTo(Javalin app) {
        app.before(context -> {
            MDC.put(FIELD, id(context));
            context.header(HEADER, id(context));
        });
    }

    /** The client's id if it is one that may stand in a log, else a new one. */
    static String id(Context context) {
        String known = context.attribute(FIELD);
        if (known == null) {
            known = Optional.ofNullable(context.header(HEADER))
                    .filter(text -> ACCEPTED.matcher(text).matches())
                    .orElseGet(() -> UUID.randomUUID().toString());
            context.attribute(FIELD, known);
        }
        return known;
    }

    /** A load balancer asks every few seconds: that all is well is not worth a line each time. */
    private static Level level(Context context) {
        boolean routine = context.path().startsWith("/health/") || context.path().equals("/metrics");
        return routine && context.statusCode() == 200 ? Level.DEBUG : Level.INFO;
    }

    /** The route, not the path: paths are without number, and so would the time series be. */
    private static String route(Context context) {
        return switch (context.statusCode()) {
            case 404, 405 -> context.path().startsWith("/orders/") ? "/orders/{id}" : "other";
            default -> context.endpointHandlerPath();
        };
    }
}
