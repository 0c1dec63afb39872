package opsctl.service.http;

import io.javalin.Javalin;
import io.javalin.http.Context;
import io.javalin.http.HttpResponseException;
import java.util.LinkedHashMap;
import java.util.Map;
import opsctl.service.orders.IllegalChange;
import opsctl.service.orders.InvalidOrder;
import opsctl.service.orders.KeyReused;
import opsctl.service.orders.StoreUnavailable;
import opsctl.service.orders.VersionMismatch;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What each failure is over HTTP: {@code {"message", "request_id"}}, and never more of the inside than that. */
final class Problems {
    private static final Logger LOG = LoggerFactory.getLogger(Problems.class);
    private static final String RETRY_AFTER_SECONDS = "5";
    private static final Map<Class<? extends RuntimeException>, Integer> STATUS = Map.of(
            InvalidOrder.class, 422,
            KeyReused.class, 422,
            IllegalChange.class, 409,
            VersionMismatch.class, 412);

    private Problems() {}

    static void addTo(Javalin app) {
        STATUS.forEach((type, status) ->
                app.exception(type, (error, context) -> answer(context, status, error.getMessage())));
        app.exception(BadRequest.class, (error, context) -> answer(context, error.status, error.getMessage()));
        app.exception(StoreUnavailable.class, Problems::unavailable);
        app.exception(HttpResponseException.class, Problems::refusedByJavalin);
        app.exception(Exception.class, Problems::unexpected);
    }

    private static void unavailable(StoreUnavailable error, Context context) {
        context.header("Retry-After", RETRY_AFTER_SECONDS);
        answer(context, 503, error.getMessage());
    }

    private static void refusedByJavalin(HttpResponseException error, Context context) {
        String allowed = error.getDetails().get("availableMethods");
        if (allowed != null) {
            context.header("Allow", allowed);
        }
        String message = error.getStatus() == 404 ? "there is nothing here" : error.getMessage();
        answer(context, error.getStatus(), error.getStatus() == 405 ? "this method is not allowed here" : message);
    }

    private static void unexpected(Exception error, Context context) {
        LOG.error("unexpected failure", error);
        answer(context, 500, "internal error");
    }

    private static void answer(Context context, int status, String message) {
        Map<String, String> body = new LinkedHashMap<>();
        body.put("message", message);
        body.put("request_id", RequestLog.id(context));
        context.status(status).json(body);
    }
}
