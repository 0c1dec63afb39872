package opsctl.service.http;

import io.javalin.Javalin;
import io.javalin.http.Context;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.util.Map;
import java.util.function.BooleanSupplier;
import opsctl.service.orders.OrderStore;
import opsctl.service.orders.StoreUnavailable;

/** What load balancers and monitoring ask: whether the process lives, whether it can serve, what it counted. */
final class HealthRoutes {
    private final OrderStore store;
    private final PrometheusMeterRegistry meters;
    private final BooleanSupplier draining;

    HealthRoutes(OrderStore store, PrometheusMeterRegistry meters, BooleanSupplier draining) {
        this.store = store;
        this.meters = meters;
        this.draining = draining;
    }

    void addTo(Javalin app) {
        app.get("/health/live", context -> context.json(Map.of("status", "live")));
        app.get("/health/ready", this::ready);
        app.get("/metrics", context -> context.contentType("text/plain; version=0.0.4; charset=utf-8")
                .result(meters.scrape()));
    }

    private void ready(Context context) {
        if (draining.getAsBoolean()) {
            throw new StoreUnavailable("shutting down", null);
        }
        store.check();
        context.json(Map.of("status", "ready"));
    }
}
