package opsctl.service.orders;

/** The order can't go from what it is to what is wanted. */
public final class IllegalChange extends RuntimeException {
    public IllegalChange(String message) {
        super(message);
    }
}
