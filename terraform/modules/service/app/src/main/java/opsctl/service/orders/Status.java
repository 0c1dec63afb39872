package opsctl.service.orders;

import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** Where an order is on its way. It never goes back. */
public enum Status {
    PLACED,
    PAID,
    SHIPPED,
    CANCELLED;

    /** What an order may become from here, itself not counted. */
    public Set<Status> next() {
        return switch (this) {
            case PLACED -> EnumSet.of(PAID, CANCELLED);
            case PAID -> EnumSet.of(SHIPPED, CANCELLED);
            case SHIPPED, CANCELLED -> EnumSet.noneOf(Status.class);
        };
    }

    public boolean mayBecome(Status other) {
        return other == this || next().contains(other);
    }

    /** As it is written in JSON and in the database. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** @throws InvalidOrder there is no such status */
    public static Status of(String word) {
        for (Status status : values()) {
            if (status.word().equals(word)) {
                return status;
            }
        }
        throw new InvalidOrder("status must be placed, paid, shipped or cancelled");
    }
}
