package opsctl.service;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the environment says. It holds no secret: a password is fetched when it is needed.
 *
 * @param databaseSecret ARN of the secret with {@code {"username", "password"}}; empty: sign in with an IAM token
 * @param databaseCertificates PEM file of the authorities to trust; empty: Amazon's, which are in the jar
 * @param address where to listen; all of the machine's addresses unless it is said
 */
public record Settings(
        String region,
        String databaseHost,
        int databasePort,
        String databaseName,
        String databaseUser,
        Optional<String> databaseSecret,
        Optional<Path> databaseCertificates,
        String address,
        int port) {

    /** A setting is missing or is not what it must be. The message names all of them. */
    public static final class Wrong extends RuntimeException {
        Wrong(List<String> problems) {
            super(String.join("; ", problems));
        }
    }

    /** @throws Wrong something is missing or malformed */
    public static Settings from(Map<String, String> environment) {
        Reader reader = new Reader(environment);
        Settings settings = new Settings(
                reader.text("AWS_REGION"),
                reader.text("DB_HOST"),
                reader.port("DB_PORT"),
                reader.text("DB_NAME"),
                reader.text("DB_USER"),
                reader.optional("DB_SECRET_ARN"),
                reader.optional("DB_TLS_CA").map(Path::of),
                reader.optional("SERVICE_ADDRESS").orElse("0.0.0.0"),
                reader.port("SERVICE_PORT"));
        if (!reader.problems.isEmpty()) {
            throw new Wrong(reader.problems);
        }
        return settings;
    }

    private record Reader(Map<String, String> environment, List<String> problems) {
        Reader(Map<String, String> environment) {
            this(environment, new ArrayList<>());
        }

        Optional<String> optional(String name) {
            return Optional.ofNullable(environment.get(name)).map(String::strip).filter(text -> !text.isEmpty());
        }

        String text(String name) {
            return optional(name).orElseGet(() -> {
                problems.add(name + " is missing");
                return "";
            });
        }

        int port(String name) {
            String text = text(name);
            if (text.matches("[0-9]{1,5}") && Integer.parseInt(text) >= 1 && Integer.parseInt(text) <= 65535) {
                return Integer.parseInt(text);
            }
            if (!text.isEmpty()) {
                problems.add(name + " must be a port, 1 to 65535, not '" + text + "'");
            }
            return 0;
        }
    }
}
