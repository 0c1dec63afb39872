package opsctl.service.store;

import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLTimeoutException;
import java.sql.SQLTransientConnectionException;
import java.util.Set;

/**
 * What a SQL error means for us. Numbers: "Server Error Message Reference" of the MySQL manual; states: ISO/IEC 9075
 * (class 08 is a connection's failure, 28 a refused sign-in, 40001 a serialization failure or deadlock).
 */
final class Failures {
    private static final Set<Integer> AWAY = Set.of(
            1040, // too many connections
            1053, // server shutdown in progress
            1203, // more than max_user_connections
            1205, // lock wait timeout
            1290, // read-only: a failover is under way
            1836, // running in read-only mode
            1317, // query execution was interrupted
            1927, // connection was killed (MariaDB)
            3024 // maximum statement execution time exceeded
            );
    private static final int DUPLICATE_KEY = 1062;

    private Failures() {}

    /** Whether the database is away or too busy, and a later try may succeed. */
    static boolean isUnavailable(SQLException error) {
        return error instanceof SQLTransientConnectionException
                || error instanceof SQLNonTransientConnectionException
                || error instanceof SQLTimeoutException
                || AWAY.contains(error.getErrorCode())
                || hasState(error, "08")
                || isRefusedSignIn(error);
    }

    static boolean isRefusedSignIn(SQLException error) {
        return hasState(error, "28");
    }

    static boolean isDeadlock(SQLException error) {
        return hasState(error, "40001");
    }

    static boolean isDuplicateKey(SQLException error) {
        return error.getErrorCode() == DUPLICATE_KEY;
    }

    static SQLException noCredentials(RuntimeException cause) {
        return new SQLTransientConnectionException("no credentials for the database: " + cause.getMessage(), "08001", cause);
    }

    static String rootMessage(Throwable error) {
        return error.getCause() == null ? String.valueOf(error.getMessage()) : rootMessage(error.getCause());
    }

    private static boolean hasState(SQLException error, String beginning) {
        return error.getSQLState() != null && error.getSQLState().startsWith(beginning);
    }
}
