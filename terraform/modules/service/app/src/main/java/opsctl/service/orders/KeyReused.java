package opsctl.service.orders;

/** An idempotency key came again with another request. */
public final class KeyReused extends RuntimeException {
    public KeyReused(String message) {
        super(message);
    }
}
