package opsctl.service.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.InputStream;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import opsctl.service.Settings;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;

class CredentialsTest {
    private static SecretCredentials secrets(String... texts) {
        Iterator<String> each = List.of(texts).iterator();
        return new SecretCredentials(each::next);
    }

    @Test
    void a_secret_is_read_once_and_again_when_it_is_refused() {
        var credentials = secrets(
                "{\"username\": \"ada\", \"password\": \"old\"}", "{\"username\": \"ada\", \"password\": \"new\"}");
        var first = credentials.get();
        assertEquals(new Credentials.SignIn("ada", "old"), first);
        assertEquals(first, credentials.get());
        assertTrue(credentials.refused(first));
        assertEquals(new Credentials.SignIn("ada", "new"), credentials.get());
        assertTrue(credentials.refused(first), "another thread has read it already");
    }

    @Test
    void a_secret_that_did_not_change_is_not_worth_another_try() {
        String same = "{\"username\": \"ada\", \"password\": \"p\"}";
        var credentials = secrets(same, same);
        assertFalse(credentials.refused(credentials.get()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"hunter2", "{\"username\": \"hunter2\"}", "\"hunter2\"", "{\"password\": hunter2}"})
    void an_error_about_a_secret_does_not_quote_it(String text) {
        var error = assertThrows(IllegalStateException.class, () -> secrets(text).get());
        assertFalse(error.toString().contains("hunter2"));
        assertEquals(null, error.getCause());
    }

    @Test
    void a_password_is_not_printed() {
        assertEquals("SignIn[ada]", new Credentials.SignIn("ada", "hunter2").toString());
    }

    @Test
    void a_token_is_a_signed_request_to_connect_as_the_user_that_lives_15_minutes() {
        var settings = new Settings(
                "eu-central-1", "db.example.com", 3306, "orders", "ada", Optional.empty(), Optional.empty(),
                "127.0.0.1", 8080);
        var account = StaticCredentialsProvider.create(AwsBasicCredentials.create("AKIDEXAMPLE", "secret"));
        var signIn = AwsCredentials.token(settings, account).get();
        assertEquals("ada", signIn.user());
        assertTrue(signIn.password().startsWith("db.example.com:3306/?"), signIn.password());
        for (String part : List.of("Action=connect", "DBUser=ada", "X-Amz-Expires=900", "X-Amz-Signature=", "rds-db")) {
            assertTrue(signIn.password().contains(part), part);
        }
    }

    @Test
    void amazons_authorities_are_in_the_jar_and_valid() throws Exception {
        try (InputStream file = getClass().getResourceAsStream("/rds-ca.pem")) {
            var certificates = CertificateFactory.getInstance("X.509").generateCertificates(file);
            assertEquals(81, certificates.size());
            for (var certificate : certificates) {
                var authority = (X509Certificate) certificate;
                authority.checkValidity();
                assertTrue(authority.getBasicConstraints() >= 0, authority.getSubjectX500Principal().getName());
            }
        }
    }
}
