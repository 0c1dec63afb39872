package opsctl.service.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import opsctl.service.orders.Order;
import opsctl.service.orders.OrderStore;
import opsctl.service.orders.OrderStoreContract;
import opsctl.service.orders.StoreUnavailable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;

/** The store on a real MariaDB: ORDERS_TEST_DB_URL (JDBC), _USER, _PASSWORD, _CA (PEM file). The user may make users. */
@EnabledIfEnvironmentVariable(named = "ORDERS_TEST_DB_URL", matches = ".+", disabledReason = "no database was named")
class SqlOrderStoreTest extends OrderStoreContract {
    private static final String SERVER = System.getenv("ORDERS_TEST_DB_URL");

    private static Database database;

    private static String url() {
        return SERVER.replaceFirst("^jdbc:mysql:", "jdbc:mariadb:")
                + "?sslMode=verify-full&serverSslCert=" + System.getenv("ORDERS_TEST_DB_CA");
    }

    private static Credentials.SignIn master() {
        return new Credentials.SignIn(System.getenv("ORDERS_TEST_DB_USER"), System.getenv("ORDERS_TEST_DB_PASSWORD"));
    }

    private static Credentials fixed(Credentials.SignIn signIn) {
        return new Credentials() {
            @Override
            public SignIn get() {
                return signIn;
            }

            @Override
            public boolean refused(SignIn refused) {
                return false;
            }
        };
    }

    private static void asMaster(String... statements) throws SQLException {
        try (var connection = new Connections(url(), fixed(master())).getConnection();
                var statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        }
    }

    @BeforeAll
    static void migrate() throws InterruptedException {
        database = new Database(url(), fixed(master()), new SimpleMeterRegistry());
        database.migrate();
    }

    @AfterAll
    static void close() {
        if (database != null) {
            database.close();
        }
    }

    @Override
    protected OrderStore store() {
        return new SqlOrderStore(database);
    }

    @Test
    void bringing_the_schema_up_to_date_again_changes_nothing() throws InterruptedException {
        Order order = order("Ada");
        store().place(order, Optional.empty(), draft("Ada").fingerprint());
        try (var again = new Database(url(), fixed(master()), new SimpleMeterRegistry())) {
            again.migrate();
            assertEquals(Optional.of(order), new SqlOrderStore(again).find(order.id()));
        }
    }

    @Test
    void before_the_schema_is_there_the_store_is_not_available() {
        try (var fresh = new Database(url(), fixed(master()), new SimpleMeterRegistry())) {
            assertThrows(StoreUnavailable.class, new SqlOrderStore(fresh)::check);
        }
    }

    @Test
    void a_rotated_password_is_read_anew_and_the_connection_made() throws Exception {
        String user = "rotated_" + UUID.randomUUID().toString().substring(0, 8);
        asMaster("CREATE USER '" + user + "'@'%' IDENTIFIED BY 'old-Passw0rd'", "GRANT SELECT ON orders.* TO '" + user + "'@'%'");
        var secret = new AtomicReference<>("{\"username\": \"" + user + "\", \"password\": \"old-Passw0rd\"}");
        var connections = new Connections(url(), new SecretCredentials(secret::get));
        connections.getConnection().close();

        asMaster("ALTER USER '" + user + "'@'%' IDENTIFIED BY 'new-Passw0rd'");
        assertThrows(SQLException.class, connections::getConnection, "the secret still says the old one");
        secret.set("{\"username\": \"" + user + "\", \"password\": \"new-Passw0rd\"}");
        connections.getConnection().close();
        asMaster("DROP USER '" + user + "'@'%'");
    }

    @Test
    void a_server_of_another_name_is_not_trusted() throws IOException {
        try (var relay = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.2"))) {
            new Thread(() -> relay(relay, URI.create(SERVER.substring("jdbc:".length())).getPort())).start();
            String other = url().replaceFirst("127\\.0\\.0\\.1:\\d+", "127.0.0.2:" + relay.getLocalPort());
            var error = assertThrows(
                    SQLException.class, () -> new Connections(other, fixed(master())).getConnection());
            assertTrue(Failures.rootMessage(error).contains("127.0.0.2"), Failures.rootMessage(error));
        }
    }

    private static void relay(ServerSocket server, int port) {
        try (Socket client = server.accept();
                Socket database = new Socket("127.0.0.1", port)) {
            var back = new Thread(() -> copy(database, client));
            back.start();
            copy(client, database);
            back.join();
        } catch (IOException | InterruptedException over) {
            // the test is over
        }
    }

    private static void copy(Socket from, Socket to) {
        try {
            from.getInputStream().transferTo(to.getOutputStream());
            to.close();
        } catch (IOException over) {
            // one side has hung up
        }
    }

    @Test
    void a_server_of_another_authority_is_not_trusted() {
        String amazons = url().replaceFirst("serverSslCert=.*", "serverSslCert=classpath:rds-ca.pem");
        assertThrows(SQLException.class, () -> new Connections(amazons, fixed(master())).getConnection());
    }

    /** A port that takes connections and says nothing: a database that hangs. */
    @Test
    @Timeout(10)
    void a_database_that_hangs_is_given_up() throws IOException, InterruptedException {
        try (var silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            var accept = new Thread(() -> {
                try {
                    while (true) {
                        Socket taken = silent.accept();
                        assert taken != null;
                    }
                } catch (IOException closed) {
                    // the test is over
                }
            });
            accept.start();
            String hung = "jdbc:mariadb://127.0.0.1:" + silent.getLocalPort() + "/orders?connectTimeout="
                    + Duration.ofSeconds(1).toMillis() + "&socketTimeout=1000";
            var error = assertThrows(
                    SQLException.class, () -> new Connections(hung, fixed(master())).getConnection());
            assertTrue(Failures.isUnavailable(error));
            silent.close();
            accept.join();
        }
    }
}
