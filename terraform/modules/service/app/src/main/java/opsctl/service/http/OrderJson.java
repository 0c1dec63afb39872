package opsctl.service.http;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import opsctl.service.orders.Draft;
import opsctl.service.orders.InvalidOrder;
import opsctl.service.orders.Item;
import opsctl.service.orders.Order;
import opsctl.service.orders.OrderStore;
import opsctl.service.orders.Status;

/** Orders as JSON. */
final class OrderJson {
    static final JsonMapper MAPPER = JsonMapper.builder()
            .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private static final DateTimeFormatter TIME = new DateTimeFormatterBuilder().appendInstant(3).toFormatter();

    private OrderJson() {}

    /** A draft and, where it is given, the status. */
    record Body(Draft draft, Optional<Status> status) {}

    record ItemView(String sku, int quantity, int unitPriceCents) {}

    record OrderView(
            UUID orderId,
            String customer,
            String status,
            List<ItemView> items,
            long totalCents,
            int version,
            String createdAt,
            String updatedAt) {}

    record PageView(List<OrderView> orders, String next) {}

    /**
     * @throws BadRequest it is not JSON (400)
     * @throws InvalidOrder it is JSON, and no order
     */
    static Body read(byte[] json) {
        JsonNode root = parse(json);
        if (!root.isObject()) {
            throw new InvalidOrder("the body must be a JSON object");
        }
        JsonNode status = root.path("status");
        return new Body(
                new Draft(text(root, "customer"), items(root.path("items"))),
                status.isMissingNode() ? Optional.empty() : Optional.of(Status.of(status.textValue())));
    }

    private static JsonNode parse(byte[] json) {
        try {
            JsonNode root = MAPPER.readTree(json);
            if (root.isMissingNode()) {
                throw new BadRequest(400, "the body is empty; it must be JSON");
            }
            return root;
        } catch (JacksonException error) {
            var at = error.getLocation();
            String where = at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
            throw new BadRequest(400, "the body is not JSON" + where);
        } catch (IOException error) {
            throw new BadRequest(400, "the body is not JSON");
        }
    }

    private static List<Item> items(JsonNode nodes) {
        if (!nodes.isArray()) {
            throw new InvalidOrder("items must be a list");
        }
        List<Item> items = new ArrayList<>();
        for (JsonNode node : nodes) {
            try {
                items.add(new Item(text(node, "sku"), number(node, "quantity"), number(node, "unit_price_cents")));
            } catch (InvalidOrder error) {
                throw new InvalidOrder("items[" + items.size() + "]: " + error.getMessage());
            }
        }
        return items;
    }

    private static String text(JsonNode parent, String field) {
        JsonNode node = parent.path(field);
        if (!node.isTextual()) {
            throw new InvalidOrder(field + " must be a text");
        }
        return node.textValue();
    }

    private static int number(JsonNode parent, String field) {
        JsonNode node = parent.path(field);
        if (!node.isIntegralNumber() || !node.canConvertToInt()) {
            throw new InvalidOrder(field + " must be a whole number");
        }
        return node.intValue();
    }

    static OrderView view(Order order) {
        return new OrderView(
                order.id(),
                order.customer(),
                order.status().word(),
                order.items().stream()
                        .map(item -> new ItemView(item.sku(), item.quantity(), item.unitPriceCents()))
                        .toList(),
                order.totalCents(),
                order.version(),
                TIME.format(order.createdAt()),
                TIME.format(order.updatedAt()));
    }

    static PageView view(OrderStore.Page page) {
        return new PageView(
                page.orders().stream().map(OrderJson::view).toList(),
                page.next().map(UUID::toString).orElse(null));
    }
}
