package opsctl.service;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import opsctl.service.store.Database;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SettingsTest {
    private static Map<String, String> environment(String... more) {
        Map<String, String> environment = new HashMap<>(Map.of(
                "AWS_REGION", "eu-central-1",
                "DB_HOST", "db.example.com",
                "DB_PORT", "3306",
                "DB_NAME", "orders",
                "DB_USER", "orders_service",
                "DB_SECRET_ARN", "",
                "DB_TLS_CA", "",
                "SERVICE_PORT", "8080",
                "LOG_GROUP", "/opsctl-dev/service"));
        for (int index = 0; index < more.length; index += 2) {
            environment.put(more[index], more[index + 1]);
        }
        return environment;
    }

    @Test
    void an_empty_secret_means_a_token_and_empty_authorities_amazons() {
        Settings settings = Settings.from(environment());
        assertEquals(Optional.empty(), settings.databaseSecret());
        assertEquals(
                "jdbc:mariadb://db.example.com:3306/orders?sslMode=verify-full&serverSslCert=classpath:rds-ca.pem",
                Database.url(settings));
    }

    @Test
    void it_listens_everywhere_unless_an_address_is_said() {
        assertEquals("0.0.0.0", Settings.from(environment()).address());
        assertEquals("127.0.0.1", Settings.from(environment("SERVICE_ADDRESS", "127.0.0.1")).address());
    }

    @Test
    void a_secret_and_authorities_are_taken() {
        Settings settings = Settings.from(environment("DB_SECRET_ARN", "arn:aws:x", "DB_TLS_CA", "/tmp/ca.pem"));
        assertEquals(Optional.of("arn:aws:x"), settings.databaseSecret());
        assertEquals(Optional.of(Path.of("/tmp/ca.pem")), settings.databaseCertificates());
    }

    @Test
    void everything_that_is_missing_is_named_at_once() {
        var error = assertThrows(Settings.Wrong.class, () -> Settings.from(environment("DB_HOST", "", "DB_USER", " ")));
        assertEquals("DB_HOST is missing; DB_USER is missing", error.getMessage());
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "65536", "80 80", "x", "-1", "999999999999"})
    void a_port_that_is_none_is_named(String port) {
        var error = assertThrows(Settings.Wrong.class, () -> Settings.from(environment("SERVICE_PORT", port)));
        assertEquals("SERVICE_PORT must be a port, 1 to 65535, not '" + port + "'", error.getMessage());
    }
}
