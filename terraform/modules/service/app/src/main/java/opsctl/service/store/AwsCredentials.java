package opsctl.service.store;

import java.time.Duration;
import opsctl.service.Settings;
import software.amazon.awssdk.auth.credentials.AwsCredentialsProvider;
import software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.rds.RdsUtilities;
import software.amazon.awssdk.services.secretsmanager.SecretsManagerClient;

/** The two ways to sign in that AWS offers. */
public final class AwsCredentials {
    private AwsCredentials() {}

    public static Credentials of(Settings settings) {
        return settings.databaseSecret().map(arn -> secret(settings, arn)).orElseGet(() -> token(settings));
    }

    private static Credentials secret(Settings settings, String arn) {
        SecretsManagerClient client = SecretsManagerClient.builder()
                .region(Region.of(settings.region()))
                .httpClientBuilder(UrlConnectionHttpClient.builder()
                        .connectionTimeout(Duration.ofSeconds(2))
                        .socketTimeout(Duration.ofSeconds(5)))
                .build();
        return new SecretCredentials(() -> client.getSecretValue(request -> request.secretId(arn)).secretString());
    }

    private static Credentials token(Settings settings) {
        return token(settings, DefaultCredentialsProvider.builder().build());
    }

    /** A token lives 15 minutes and counts for connecting only, so each connection gets its own. It costs no call. */
    static Credentials token(Settings settings, AwsCredentialsProvider account) {
        RdsUtilities rds = RdsUtilities.builder()
                .region(Region.of(settings.region()))
                .credentialsProvider(account)
                .build();
        return new Credentials() {
            @Override
            public SignIn get() {
                String token = rds.generateAuthenticationToken(request -> request.hostname(settings.databaseHost())
                        .port(settings.databasePort())
                        .username(settings.databaseUser()));
                return new SignIn(settings.databaseUser(), token);
            }

            @Override
            public boolean refused(SignIn signIn) {
                return false;
            }
        };
    }
}
