package opsctl.service.orders;

import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** Where orders are kept. Every method throws {@link StoreUnavailable} when the store can't be reached in time. */
public interface OrderStore {
    /** What became of placing an order; {@code created} is false when the key had placed it before. */
    record Placement(Order order, boolean created) {}

    /** Orders, newest first. {@code next} is the last one's id, to go on from, when there are more. */
    record Page(List<Order> orders, Optional<UUID> next) {}

    /**
     * Keep a new order.
     *
     * @param key idempotency key: a key that was used before gives the order of that time
     * @param fingerprint of the request, see {@link Draft#fingerprint}
     * @throws KeyReused the key placed another order than this one
     */
    Placement place(Order order, Optional<String> key, String fingerprint);

    Optional<Order> find(UUID id);

    /** At most {@code limit} orders, older than {@code after}. */
    Page list(int limit, Optional<UUID> after);

    /** Change an order while nobody else can; what {@code change} throws leaves it as it was. Empty: no such order. */
    Optional<Order> change(UUID id, UnaryOperator<Order> change);

    /** Whether there was such an order. */
    boolean delete(UUID id);

    /** Returns when the store could serve a request now. */
    void check();
}
