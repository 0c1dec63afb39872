package opsctl.service.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.metrics.micrometer.MicrometerMetricsTrackerFactory;
import io.micrometer.core.instrument.MeterRegistry;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import opsctl.service.Settings;
import opsctl.service.orders.StoreUnavailable;
import org.flywaydb.core.Flyway;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The pool of connections and the schema.
 *
 * <p>All times are short, so that a database that is away costs a request about a second and not a thread. Statements
 * touch one order or one page of them: if one gets no answer for that long, the database is in trouble.
 */
public final class Database implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Database.class);
    private static final int POOL_SIZE = 8;
    private static final Duration CONNECT = Duration.ofSeconds(1);
    private static final Duration STATEMENT = Duration.ofMillis(1500);
    private static final Duration VALIDATE = Duration.ofMillis(500);
    private static final Duration MIGRATE = Duration.ofMinutes(5);
    /** After a connection could not be had, requests are turned away at once for this long instead of queueing up. */
    private static final Duration REST = Duration.ofMillis(500);

    private final HikariDataSource pool;
    private final Connections unpooled;
    private volatile boolean migrated;
    private volatile long restsUntil = System.nanoTime();

    /** What runs in a transaction. */
    interface Work<T> {
        T on(Connection connection) throws SQLException;
    }

    /**
     * @param url JDBC URL without user, password and time-outs
     */
    public Database(String url, Credentials credentials, MeterRegistry meters) {
        unpooled = new Connections(withTimes(url, MIGRATE), credentials);
        HikariConfig config = new HikariConfig();
        config.setPoolName("orders");
        config.setDataSource(new Connections(withTimes(url, STATEMENT), credentials));
        config.setMaximumPoolSize(POOL_SIZE);
        config.setMinimumIdle(2);
        config.setConnectionTimeout(CONNECT.toMillis());
        config.setValidationTimeout(VALIDATE.toMillis());
        config.setKeepaliveTime(Duration.ofMinutes(1).toMillis());
        config.setIdleTimeout(Duration.ofMinutes(5).toMillis());
        config.setMaxLifetime(Duration.ofMinutes(10).toMillis());
        config.setLeakDetectionThreshold(Duration.ofSeconds(10).toMillis());
        config.setInitializationFailTimeout(-1);
        config.setAutoCommit(false);
        config.setTransactionIsolation("TRANSACTION_READ_COMMITTED");
        config.setMetricsTrackerFactory(new MicrometerMetricsTrackerFactory(meters));
        pool = new HikariDataSource(config);
    }

    /** The URL of the database that the settings name, over verified TLS. */
    public static String url(Settings settings) {
        String authorities = settings.databaseCertificates().map(Object::toString).orElse("classpath:rds-ca.pem");
        return "jdbc:mariadb://%s:%d/%s?sslMode=verify-full&serverSslCert=%s"
                .formatted(settings.databaseHost(), settings.databasePort(), settings.databaseName(), authorities);
    }

    private static String withTimes(String url, Duration statement) {
        return url + (url.contains("?") ? "&" : "?") + "connectTimeout=" + CONNECT.toMillis() + "&socketTimeout="
                + statement.toMillis() + "&tcpKeepAlive=true";
    }

    /**
     * Bring the schema up to date, and try again until the database is there. Several instances may do this at once:
     * Flyway takes a lock in the database.
     */
    public void migrate() throws InterruptedException {
        for (Duration pause = Duration.ofMillis(250); !migrated; pause = min(pause.multipliedBy(2), Duration.ofSeconds(5))) {
            try {
                int applied = Flyway.configure()
                        .dataSource(unpooled)
                        .locations("classpath:db/migration")
                        .load()
                        .migrate()
                        .migrationsExecuted;
                LOG.atInfo().addKeyValue("applied", applied).log("schema is up to date");
                migrated = true;
            } catch (RuntimeException error) {
                LOG.atWarn()
                        .addKeyValue("error", Failures.rootMessage(error))
                        .addKeyValue("retry_in_ms", pause.toMillis())
                        .log("schema could not be brought up to date");
                Thread.sleep(pause.toMillis());
            }
        }
    }

    /**
     * Run in a transaction, and once more if it was the victim of a deadlock.
     *
     * @throws StoreUnavailable the database is away, or the schema is not there yet
     */
    <T> T inTransaction(Work<T> work) throws SQLException {
        if (!migrated) {
            throw new StoreUnavailable("the schema is not there yet", null);
        }
        try {
            return once(work);
        } catch (SQLException error) {
            if (Failures.isDeadlock(error)) {
                return once(work);
            }
            throw error;
        }
    }

    private <T> T once(Work<T> work) throws SQLException {
        try (Connection connection = borrow()) {
            try {
                T result = work.on(connection);
                connection.commit();
                return result;
            } catch (SQLException | RuntimeException error) {
                rollBack(connection, error);
                throw error;
            }
        } catch (SQLException error) {
            if (Failures.isUnavailable(error)) {
                LOG.atWarn().addKeyValue("error", Failures.rootMessage(error)).log("the database is not available");
                throw new StoreUnavailable("the database is not available", error);
            }
            throw error;
        }
    }

    private Connection borrow() throws SQLException {
        if (System.nanoTime() - restsUntil < 0) {
            throw new StoreUnavailable("the database was not available a moment ago", null);
        }
        try {
            return pool.getConnection();
        } catch (SQLException error) {
            restsUntil = System.nanoTime() + REST.toNanos();
            throw error;
        }
    }

    private static void rollBack(Connection connection, Exception because) {
        try {
            connection.rollback();
        } catch (SQLException error) {
            because.addSuppressed(error);
        }
    }

    private static Duration min(Duration one, Duration other) {
        return one.compareTo(other) < 0 ? one : other;
    }

    @Override
    public void close() {
        pool.close();
    }
}
