package opsctl.service;

import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.core.instrument.binder.system.ProcessorMetrics;
import io.micrometer.core.instrument.binder.system.UptimeMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.lang.management.ManagementFactory;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import opsctl.service.http.Server;
import opsctl.service.orders.OrderIds;
import opsctl.service.store.AwsCredentials;
import opsctl.service.store.Database;
import opsctl.service.store.SqlOrderStore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Starts the service: HTTP at once, so that it can say that it lives; the database as soon as it is there. */
public final class Main {
    private static final Logger LOG = LoggerFactory.getLogger(Main.class);

    private static final Duration DRAIN = Duration.ofSeconds(5);

    private Main() {}

    public static void main(String[] arguments) throws InterruptedException {
        try {
            run(Settings.from(System.getenv()));
        } catch (Settings.Wrong error) {
            LOG.error("the environment is wrong: {}", error.getMessage());
            System.exit(2);
        }
    }

    private static void run(Settings settings) throws InterruptedException {
        var meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        List.of(
                        new JvmMemoryMetrics(),
                        new JvmGcMetrics(),
                        new JvmThreadMetrics(),
                        new ProcessorMetrics(),
                        new UptimeMetrics())
                .forEach(binder -> binder.bindTo(meters));
        var database = new Database(Database.url(settings), AwsCredentials.of(settings), meters);
        var ids = new OrderIds(InstantSource.system(), new SecureRandom());
        var store = new SqlOrderStore(database);
        var server = new Server(settings.address(), settings.port(), DRAIN, store, ids, InstantSource.system(), meters);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server, database), "shutdown"));
        LOG.atInfo()
                .addKeyValue("port", server.port())
                .addKeyValue("since_start_ms", ManagementFactory.getRuntimeMXBean().getUptime())
                .log("listening");
        database.migrate();
        LOG.atInfo()
                .addKeyValue("since_start_ms", ManagementFactory.getRuntimeMXBean().getUptime())
                .log("ready");
    }

    private static void stop(Server server, Database database) {
        LOG.info("stopping");
        try {
            server.close();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        database.close();
        LOG.info("stopped");
    }
}
