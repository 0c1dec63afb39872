package opsctl.service.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.function.Supplier;

/** User and password out of a secret of the form {@code {"username", "password"}}, read again when they are refused. */
public final class SecretCredentials implements Credentials {
    private final Supplier<String> secret;
    private SignIn current;

    /** @param secret reads the secret's text as it is now */
    public SecretCredentials(Supplier<String> secret) {
        this.secret = secret;
    }

    @Override
    public synchronized SignIn get() {
        if (current == null) {
            current = read();
        }
        return current;
    }

    @Override
    public synchronized boolean refused(SignIn signIn) {
        if (signIn.equals(current)) {
            current = read();
        }
        return !signIn.equals(current);
    }

    private SignIn read() {
        try {
            JsonNode fields = new ObjectMapper().readTree(secret.get());
            return new SignIn(fields.required("username").textValue(), fields.required("password").textValue());
        } catch (JsonProcessingException | IllegalArgumentException malformed) {
            // Without its cause, whose message would quote the secret.
            throw new IllegalStateException("the database's secret is not {\"username\", \"password\"}");
        }
    }
}
