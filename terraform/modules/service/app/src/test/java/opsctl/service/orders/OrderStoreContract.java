package opsctl.service.orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;

/** What every store must do. */
public abstract class OrderStoreContract {
    protected static final Instant NOW = Instant.parse("2026-03-29T01:30:00.123Z");
    private static final OrderIds IDS = new OrderIds(InstantSource.system(), RandomGenerator.getDefault());

    protected abstract OrderStore store();

    protected static Draft draft(String customer) {
        return new Draft(customer, List.of(new Item("A-1", 2, 250), new Item("B-2", 1, 0)));
    }

    protected static Order order(String customer) {
        return Order.placed(IDS.next(), draft(customer), NOW);
    }

    private Order placed(String customer) {
        Order order = order(customer);
        return store().place(order, Optional.empty(), draft(customer).fingerprint()).order();
    }

    @Test
    void what_was_placed_is_found_as_it_was() {
        String name = "Zoë O'Neill \"; DROP TABLE orders; -- 🦉";
        Order order = placed(name);
        assertEquals(Optional.of(order), store().find(order.id()));
        assertEquals(name, order.customer());
    }

    @Test
    void an_unknown_order_is_not_found_changed_or_deleted() {
        UUID nobody = IDS.next();
        assertEquals(Optional.empty(), store().find(nobody));
        assertEquals(Optional.empty(), store().change(nobody, order -> order));
        assertFalse(store().delete(nobody));
    }

    @Test
    void a_key_places_one_order() {
        String key = "key-" + IDS.next();
        Order first = order("Ada");
        String fingerprint = draft("Ada").fingerprint();
        assertEquals(new OrderStore.Placement(first, true), store().place(first, Optional.of(key), fingerprint));
        assertEquals(
                new OrderStore.Placement(first, false), store().place(order("Ada"), Optional.of(key), fingerprint));
    }

    @Test
    void a_key_of_another_order_is_refused() {
        Optional<String> key = Optional.of("key-" + IDS.next());
        store().place(order("Ada"), key, draft("Ada").fingerprint());
        assertThrows(KeyReused.class, () -> store().place(order("Bob"), key, draft("Bob").fingerprint()));
    }

    @Test
    void keys_are_told_apart_by_case() {
        String key = "key-" + IDS.next();
        String fingerprint = draft("Ada").fingerprint();
        assertTrue(store().place(order("Ada"), Optional.of(key), fingerprint).created());
        assertTrue(store().place(order("Ada"), Optional.of(key.toUpperCase()), fingerprint).created());
    }

    @Test
    void a_key_that_comes_many_times_at_once_places_one_order() throws Exception {
        Optional<String> key = Optional.of("key-" + IDS.next());
        var placements = atOnce(8, () -> store().place(order("Ada"), key, draft("Ada").fingerprint()));
        assertEquals(1, placements.stream().filter(OrderStore.Placement::created).count());
        assertEquals(1, placements.stream().map(placement -> placement.order().id()).distinct().count());
    }

    @Test
    void changes_at_once_are_carried_out_one_after_another() throws Exception {
        Order order = placed("Ada");
        atOnce(8, () -> store().change(order.id(), now -> now.changed(draft("Ada"), now.status(), NOW)));
        assertEquals(9, store().find(order.id()).orElseThrow().version());
    }

    @Test
    void a_change_is_kept_with_its_items() {
        Order order = placed("Ada");
        Draft other = new Draft("Bob", List.of(new Item("C-3", 3, 99)));
        Instant later = NOW.plusSeconds(1);
        Optional<Order> changed = store().change(order.id(), now -> now.changed(other, Status.PAID, later));
        assertEquals(
                Optional.of(new Order(order.id(), "Bob", Status.PAID, other.items(), 2, NOW, later)), changed);
        assertEquals(changed, store().find(order.id()));
    }

    @Test
    void a_change_that_is_refused_changes_nothing() {
        Order order = placed("Ada");
        assertThrows(
                IllegalChange.class,
                () -> store().change(order.id(), now -> now.changed(draft("Bob"), Status.SHIPPED, NOW)));
        assertEquals(Optional.of(order), store().find(order.id()));
    }

    @Test
    void a_deleted_order_is_gone_and_its_key_free() {
        Optional<String> key = Optional.of("key-" + IDS.next());
        Order order = order("Ada");
        store().place(order, key, draft("Ada").fingerprint());
        assertTrue(store().delete(order.id()));
        assertFalse(store().delete(order.id()));
        assertEquals(Optional.empty(), store().find(order.id()));
        assertTrue(store().place(order("Ada"), key, draft("Ada").fingerprint()).created());
    }

    @Test
    void pages_hold_every_order_once_newest_first() {
        List<UUID> placed = new ArrayList<>();
        for (int number = 0; number < 5; number++) {
            placed.add(0, placed("Ada " + number).id());
        }
        placed.sort((one, other) -> other.toString().compareTo(one.toString()));
        List<UUID> seen = new ArrayList<>();
        Optional<UUID> next = Optional.empty();
        do {
            OrderStore.Page page = store().list(2, next);
            page.orders().forEach(order -> seen.add(order.id()));
            next = page.next();
        } while (next.isPresent() && seen.size() < 5);
        assertEquals(placed, seen.subList(0, 5));
    }

    @Test
    void the_last_page_says_that_it_is() {
        placed("Ada");
        Optional<UUID> next = Optional.empty();
        int pages = 0;
        do {
            next = store().list(100, next).next();
            pages++;
        } while (next.isPresent() && pages < 100);
        assertEquals(Optional.empty(), next);
    }

    private static <T> List<T> atOnce(int times, Callable<T> call) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(times);
        CountDownLatch all = new CountDownLatch(times);
        try {
            List<Future<T>> futures = new ArrayList<>();
            for (int number = 0; number < times; number++) {
                futures.add(pool.submit(() -> {
                    all.countDown();
                    all.await();
                    return call.call();
                }));
            }
            List<T> results = new ArrayList<>();
            for (Future<T> future : futures) {
                results.add(future.get());
            }
            return results;
        } finally {
            pool.shutdownNow();
        }
    }
}
