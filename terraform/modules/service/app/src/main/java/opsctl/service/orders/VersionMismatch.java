package opsctl.service.orders;

/** The order isn't the version any more that the client saw. */
public final class VersionMismatch extends RuntimeException {
    public VersionMismatch(String message) {
        super(message);
    }
}
