package opsctl.service.orders;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;

/**
 * What a client asks for: the part of an order that is the client's to say.
 *
 * @param customer 1 to 200 characters, not only blanks
 * @param items 1 to 100
 */
public record Draft(String customer, List<Item> items) {
    public Draft {
        InvalidOrder.unless(
                customer != null && !customer.isBlank() && customer.length() <= 200, "customer must be 1 to 200 characters, not only blanks");
        InvalidOrder.unless(
                customer.chars().noneMatch(Character::isISOControl), "customer must hold no control characters");
        InvalidOrder.unless(items != null && !items.isEmpty() && items.size() <= 100, "items must hold 1 to 100 items");
        items = List.copyOf(items);
    }

    /** SHA-256 (hex) of what is asked for: tells a repeated request from another one under the same idempotency key. */
    public String fingerprint() {
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest);
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
