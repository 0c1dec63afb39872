package opsctl.service.orders;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.InstantSource;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.UUID;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class OrderTest {
    private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");
    private static final Item ITEM = new Item("A-1", 2, 250);
    private static final Draft DRAFT = new Draft("Ada", List.of(ITEM));

    private static Order order(Status status) {
        return new Order(new UUID(1, 2), "Ada", status, List.of(ITEM), 3, NOW, NOW);
    }

    @Test
    void the_total_is_what_all_items_cost_even_if_that_is_more_than_an_int() {
        Draft large = new Draft("Ada", Collections.nCopies(100, new Item("A", 10_000, 100_000_000)));
        assertEquals(100_000_000_000_000L, Order.placed(new UUID(1, 2), large, NOW).totalCents());
    }

    @Test
    void a_new_order_is_placed_at_version_1() {
        Order order = Order.placed(new UUID(1, 2), DRAFT, NOW);
        assertEquals(new Order(new UUID(1, 2), "Ada", Status.PLACED, List.of(ITEM), 1, NOW, NOW), order);
    }

    @Test
    void a_change_counts_the_version_up_and_keeps_id_and_creation() {
        Instant later = NOW.plusSeconds(5);
        Order changed = order(Status.PLACED).changed(new Draft("Bob", List.of(ITEM)), Status.PAID, later);
        assertEquals(new Order(new UUID(1, 2), "Bob", Status.PAID, List.of(ITEM), 4, NOW, later), changed);
    }

    @ParameterizedTest
    @CsvSource({"PLACED,PAID CANCELLED", "PAID,SHIPPED CANCELLED", "SHIPPED,''", "CANCELLED,''"})
    void an_order_goes_on_and_never_back(Status from, String allowed) {
        var targets = EnumSet.of(from);
        for (String word : allowed.split(" ")) {
            if (!word.isEmpty()) {
                targets.add(Status.valueOf(word));
            }
        }
        for (Status to : Status.values()) {
            if (targets.contains(to)) {
                assertEquals(to, order(from).changed(DRAFT, to, NOW).status());
            } else {
                assertThrows(IllegalChange.class, () -> order(from).changed(DRAFT, to, NOW));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void a_status_is_written_and_read_alike(Status status) {
        assertEquals(status, Status.of(status.word()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"PLACED", "", "lost"})
    void other_words_are_no_status(String word) {
        assertThrows(InvalidOrder.class, () -> Status.of(word));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a/b", "ä", "12345678901234567890123456789012345678901234567890123456789012345"})
    void a_sku_is_a_plain_word_of_at_most_64_characters(String sku) {
        assertThrows(InvalidOrder.class, () -> new Item(sku, 1, 1));
    }

    @ParameterizedTest
    @CsvSource({"0,1", "-1,1", "10001,1", "1,-1", "1,100000001"})
    void quantity_and_price_have_limits(int quantity, int price) {
        assertThrows(InvalidOrder.class, () -> new Item("A", quantity, price));
    }

    @Test
    void a_draft_needs_a_customer_and_1_to_100_items() {
        assertThrows(InvalidOrder.class, () -> new Draft(" ", List.of(ITEM)));
        assertThrows(InvalidOrder.class, () -> new Draft("x".repeat(201), List.of(ITEM)));
        assertThrows(InvalidOrder.class, () -> new Draft("Ada\nLovelace", List.of(ITEM)));
        assertThrows(InvalidOrder.class, () -> new Draft("Ada", List.of()));
        assertThrows(InvalidOrder.class, () -> new Draft("Ada", Collections.nCopies(101, ITEM)));
    }

    @Test
    void a_fingerprint_tells_requests_apart() {
        assertEquals(DRAFT.fingerprint(), new Draft("Ada", List.of(new Item("A-1", 2, 250))).fingerprint());
        assertNotEquals(DRAFT.fingerprint(), new Draft("Ada", List.of(new Item("A-1", 2, 251))).fingerprint());
        assertNotEquals(DRAFT.fingerprint(), new Draft("Bob", List.of(ITEM)).fingerprint());
    }

    @Test
    void ids_are_uuids_of_version_7_that_sort_by_time() {
        var random = RandomGenerator.getDefault();
        UUID early = new OrderIds(InstantSource.fixed(NOW), random).next();
        UUID late = new OrderIds(InstantSource.fixed(NOW.plusMillis(1)), random).next();
        assertEquals(7, early.version());
        assertEquals(2, early.variant());
        assertEquals(NOW.toEpochMilli(), early.getMostSignificantBits() >>> 16);
        assertTrue(early.toString().compareTo(late.toString()) < 0);
    }
}
