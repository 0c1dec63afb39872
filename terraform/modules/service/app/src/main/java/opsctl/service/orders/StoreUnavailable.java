package opsctl.service.orders;

/** The store can't be reached just now. It heals by itself. */
public final class StoreUnavailable extends RuntimeException {
    public StoreUnavailable(String message, Throwable cause) {
        super(message, cause);
    }
}
