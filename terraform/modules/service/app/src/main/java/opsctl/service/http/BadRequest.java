package opsctl.service.http;

/** A request that isn't understood, or isn't taken, whatever the orders are. The status says why. */
final class BadRequest extends RuntimeException {
    final int status;

    BadRequest(int status, String message) {
        super(message);
        this.status = status;
    }
}
