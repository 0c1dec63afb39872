package opsctl.service.orders;

import java.time.Instant;
import java.util.List;
import java.util.UUID;

/**
 * An order as it stands.
 *
 * @param version 1 for a new order, one more with each change
 * @param createdAt UTC, milliseconds
 * @param updatedAt UTC, milliseconds
 */
public record Order(
        UUID id, String customer, Status status, List<Item> items, int version, Instant createdAt, Instant updatedAt) {

    public static Order placed(UUID id, Draft draft, Instant now) {
        return new Order(id, draft.customer(), Status.PLACED, draft.items(), 1, now, now);
    }

    /**
     * The order after a change.
     *
     * @throws IllegalChange the status can't become that one
     */
    public Order changed(Draft draft, Status becomes, Instant now) {
        if (!status.mayBecome(becomes)) {
            throw new IllegalChange("an order that is " + status.word() + " can't become " + becomes.word());
        }
        return new Order(id, draft.customer(), becomes, draft.items(), version + 1, createdAt, now);
    }

    public long totalCents() {
        return items.stream().mapToLong(Item::totalCents).sum();
    }
}
