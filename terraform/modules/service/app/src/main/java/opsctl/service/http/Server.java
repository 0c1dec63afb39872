package opsctl.service.http;

import io.javalin.Javalin;
import io.javalin.json.JavalinJackson;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Arrays;
import opsctl.service.orders.OrderIds;
import opsctl.service.orders.OrderStore;
import org.eclipse.jetty.util.thread.QueuedThreadPool;

/** The HTTP server: bounded threads, JSON only, and an end that no request notices. */
public final class Server implements AutoCloseable {
    private static final int THREADS = 40;
    /** With the drain time less than the 30 seconds after which systemd kills. */
    private static final Duration FINISH = Duration.ofSeconds(10);

    private final Javalin app;
    private final Duration drain;
    private volatile boolean draining;

    /**
     * @param port 0 takes a free one, see {@link #port}
     * @param drain how long connections get to go elsewhere at a stop
     */
    public Server(
            String address,
            int port,
            Duration drain,
            OrderStore store,
            OrderIds ids,
            InstantSource clock,
            PrometheusMeterRegistry meters) {
        this.drain = drain;
        app = Javalin.create(config -> {
            config.showJavalinBanner = false;
            config.startupWatcherEnabled = false;
            config.http.prefer405over404 = true;
            config.http.defaultContentType = "application/json";
            config.jsonMapper(new JavalinJackson(OrderJson.MAPPER, false));
            config.jetty.threadPool = new QueuedThreadPool(THREADS, 4);
            config.jetty.modifyServer(jetty -> {
                jetty.setStopTimeout(FINISH.toMillis()); // the default 0 would cut off what is under way
                jetty.setErrorHandler(new PlainErrors());
            });
            config.jetty.modifyHttpConfiguration(http -> http.setSendServerVersion(false));
            RequestLog.configure(config, meters);
        });
        RequestLog.addTo(app);
        app.after(context -> {
            if (draining) {
                context.header("Connection", "close");
            }
        });
        new HealthRoutes(store, meters, () -> draining).addTo(app);
        new OrderRoutes(store, ids, clock).addTo(app);
        Problems.addTo(app);
        app.start(address, port);
    }

    public int port() {
        return app.port();
    }

    /**
     * Stop without a failed request. First /health/ready says 503 and each answer closes its connection, so that the load
     * balancer and its clients go elsewhere; when no connection is left, or the drain time is over, the port closes and what
     * is under way gets 10 seconds more.
     */
    @Override
    public void close() throws InterruptedException {
        draining = true;
        long end = System.nanoTime() + drain.toNanos();
        while (connections() > 0 && System.nanoTime() - end < 0) {
            Thread.sleep(50);
        }
        app.stop();
    }

    private int connections() {
        return Arrays.stream(app.jettyServer().server().getConnectors())
                .mapToInt(connector -> connector.getConnectedEndPoints().size())
                .sum();
    }
}
