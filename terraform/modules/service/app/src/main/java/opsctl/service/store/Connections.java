package opsctl.service.store;

import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.util.Properties;
import java.util.logging.Logger;
import javax.sql.DataSource;
import org.mariadb.jdbc.Driver;

/** New connections to the database, each signed in with what counts now: a rotated password is taken up at once. */
public final class Connections implements DataSource {
    private final Driver driver = new Driver();
    private final String url;
    private final Credentials credentials;

    public Connections(String url, Credentials credentials) {
        this.url = url;
        this.credentials = credentials;
    }

    @Override
    public Connection getConnection() throws SQLException {
        Credentials.SignIn signIn = signIn();
        try {
            return connect(signIn);
        } catch (SQLException error) {
            if (!Failures.isRefusedSignIn(error) || !again(signIn)) {
                throw error;
            }
            return connect(signIn());
        }
    }

    private Credentials.SignIn signIn() throws SQLException {
        try {
            return credentials.get();
        } catch (RuntimeException error) {
            throw Failures.noCredentials(error);
        }
    }

    private boolean again(Credentials.SignIn signIn) throws SQLException {
        try {
            return credentials.refused(signIn);
        } catch (RuntimeException error) {
            throw Failures.noCredentials(error);
        }
    }

    private Connection connect(Credentials.SignIn signIn) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", signIn.user());
        properties.setProperty("password", signIn.password());
        return driver.connect(url, properties);
    }

    @Override
    public Connection getConnection(String user, String password) throws SQLException {
        throw new SQLFeatureNotSupportedException();
    }

    @Override
    public PrintWriter getLogWriter() {
        return null;
    }

    @Override
    public void setLogWriter(PrintWriter out) {}

    @Override
    public void setLoginTimeout(int seconds) {}

    @Override
    public int getLoginTimeout() {
        return 0;
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
        throw new SQLFeatureNotSupportedException();
    }

    @Override
    public <T> T unwrap(Class<T> type) throws SQLException {
        throw new SQLFeatureNotSupportedException();
    }

    @Override
    public boolean isWrapperFor(Class<?> type) {
        return false;
    }
}
