package opsctl.service.orders;

/** What is asked for is no order. The message names the field. */
public final class InvalidOrder extends RuntimeException {
    public InvalidOrder(String message) {
        super(message);
    }

    static void unless(boolean holds, String message) {
        if (!holds) {
            throw new InvalidOrder(message);
        }
    }
}
