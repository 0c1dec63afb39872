package opsctl.service.orders;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** A store in memory, held to the same contract as the real one (see OrderStoreContract), which can be told to fail. */
public final class MemoryOrderStore implements OrderStore {
    private record Key(UUID order, String fingerprint) {}

    private final Map<UUID, Order> orders = new HashMap<>();
    private final Map<String, Key> keys = new HashMap<>();
    private Runnable before = () -> {};

    /** What happens before each call: nothing, an exception, a pause. */
    public void before(Runnable action) {
        before = action;
    }

    /** Forget everything, and fail no more. */
    public synchronized void clear() {
        orders.clear();
        keys.clear();
        before = () -> {};
    }

    @Override
    public Placement place(Order order, Optional<String> key, String fingerprint) {
        before.run();
        synchronized (this) {
            Key known = key.map(keys::get).orElse(null);
            if (known != null) {
                if (!known.fingerprint.equals(fingerprint)) {
                    throw new KeyReused("this Idempotency-Key placed another order");
                }
                return new Placement(orders.get(known.order), false);
            }
            key.ifPresent(text -> keys.put(text, new Key(order.id(), fingerprint)));
            orders.put(order.id(), order);
            return new Placement(order, true);
        }
    }

    @Override
    public synchronized Optional<Order> find(UUID id) {
        before.run();
        return Optional.ofNullable(orders.get(id));
    }

    @Override
    public synchronized Page list(int limit, Optional<UUID> after) {
        before.run();
        List<Order> older = orders.values().stream()
                .filter(order -> after.isEmpty() || text(order).compareTo(after.get().toString()) < 0)
                .sorted(Comparator.comparing(MemoryOrderStore::text).reversed())
                .toList();
        List<Order> page = older.stream().limit(limit).toList();
        boolean more = older.size() > limit;
        return new Page(page, more ? Optional.of(page.get(limit - 1).id()) : Optional.empty());
    }

    private static String text(Order order) {
        return order.id().toString();
    }

    @Override
    public synchronized Optional<Order> change(UUID id, UnaryOperator<Order> change) {
        before.run();
        return Optional.ofNullable(orders.computeIfPresent(id, (same, order) -> change.apply(order)));
    }

    @Override
    public synchronized boolean delete(UUID id) {
        before.run();
        keys.values().removeIf(key -> key.order.equals(id));
        return orders.remove(id) != null;
    }

    @Override
    public void check() {
        before.run();
    }
}
