package opsctl.service.store;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import opsctl.service.orders.Item;
import opsctl.service.orders.KeyReused;
import opsctl.service.orders.Order;
import opsctl.service.orders.OrderStore;
import opsctl.service.orders.Status;
import opsctl.service.orders.StoreUnavailable;

/** Orders in MySQL or MariaDB. */
public final class SqlOrderStore implements OrderStore {
    private static final String SELECT =
            "SELECT o.order_id, customer, status, version, created_at, updated_at, sku, quantity, unit_price_cents FROM ";
    private static final String JOIN = " o JOIN order_items i ON i.order_id = o.order_id ";

    private final Database database;

    public SqlOrderStore(Database database) {
        this.database = database;
    }

    /** A SQL error that is our own fault: it is not the client's, and no later try would do better. */
    private static final class Unexpected extends RuntimeException {
        Unexpected(SQLException cause) {
            super("SQL error " + cause.getErrorCode() + " (" + cause.getSQLState() + ")", cause);
        }
    }

    @Override
    public Placement place(Order order, Optional<String> key, String fingerprint) {
        try {
            return database.inTransaction(connection -> {
                insert(connection, order, key, fingerprint);
                return new Placement(order, true);
            });
        } catch (SQLException error) {
            if (key.isPresent() && Failures.isDuplicateKey(error)) {
                return placedBefore(key.get(), fingerprint);
            }
            throw new Unexpected(error);
        }
    }

    private Placement placedBefore(String key, String fingerprint) {
        return run(connection -> {
            String sql = "SELECT order_id, fingerprint FROM orders WHERE idempotency_key = ?";
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                statement.setString(1, key);
                try (ResultSet rows = statement.executeQuery()) {
                    if (!rows.next()) {
                        throw new StoreUnavailable("the order of this key was deleted just now", null);
                    }
                    if (!rows.getString("fingerprint").equals(fingerprint)) {
                        throw new KeyReused("this Idempotency-Key placed another order");
                    }
                    UUID id = UUID.fromString(rows.getString("order_id"));
                    return new Placement(find(connection, id, "").orElseThrow(), false);
                }
            }
        });
    }

    @Override
    public Optional<Order> find(UUID id) {
        return run(connection -> find(connection, id, ""));
    }

    @Override
    public Page list(int limit, Optional<UUID> after) {
        // One more than asked for tells whether there are more.
        String page = "(SELECT * FROM orders " + (after.isPresent() ? "WHERE order_id < ? " : "")
                + "ORDER BY order_id DESC LIMIT " + (limit + 1) + ")";
        List<Order> found = run(connection -> {
            try (PreparedStatement statement =
                    connection.prepareStatement(SELECT + page + JOIN + "ORDER BY o.order_id DESC, position")) {
                if (after.isPresent()) {
                    statement.setString(1, after.get().toString());
                }
                return orders(statement);
            }
        });
        boolean more = found.size() > limit;
        List<Order> orders = more ? found.subList(0, limit) : found;
        return new Page(List.copyOf(orders), more ? Optional.of(orders.get(limit - 1).id()) : Optional.empty());
    }

    @Override
    public Optional<Order> change(UUID id, UnaryOperator<Order> change) {
        return run(connection -> {
            Optional<Order> before = find(connection, id, " FOR UPDATE");
            if (before.isEmpty()) {
                return before;
            }
            Order after = change.apply(before.get());
            update(connection, after);
            if (!after.items().equals(before.get().items())) {
                deleteItems(connection, id);
                insertItems(connection, after);
            }
            return Optional.of(after);
        });
    }

    @Override
    public boolean delete(UUID id) {
        return run(connection -> {
            try (PreparedStatement statement = connection.prepareStatement("DELETE FROM orders WHERE order_id = ?")) {
                statement.setString(1, id.toString());
                return statement.executeUpdate() == 1;
            }
        });
    }

    @Override
    public void check() {
        run(connection -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT 1")) {
                return statement.execute();
            }
        });
    }

    private <T> T run(Database.Work<T> work) {
        try {
            return database.inTransaction(work);
        } catch (SQLException error) {
            throw new Unexpected(error);
        }
    }

    private static Optional<Order> find(Connection connection, UUID id, String lock) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement(SELECT + "orders" + JOIN + "WHERE o.order_id = ? ORDER BY position" + lock)) {
            statement.setString(1, id.toString());
            return orders(statement).stream().findFirst();
        }
    }

    /** Rows of orders joined with their items, in the order of the rows. */
    private static List<Order> orders(PreparedStatement statement) throws SQLException {
        List<Order> orders = new ArrayList<>();
        try (ResultSet rows = statement.executeQuery()) {
            boolean has = rows.next();
            while (has) {
                String id = rows.getString("order_id");
                String customer = rows.getString("customer");
                Status status = Status.of(rows.getString("status"));
                int version = rows.getInt("version");
                Instant created = instant(rows, "created_at");
                Instant updated = instant(rows, "updated_at");
                List<Item> items = new ArrayList<>();
                do {
                    items.add(new Item(rows.getString("sku"), rows.getInt("quantity"), rows.getInt("unit_price_cents")));
                    has = rows.next();
                } while (has && rows.getString("order_id").equals(id));
                orders.add(
                        new Order(UUID.fromString(id), customer, status, List.copyOf(items), version, created, updated));
            }
        }
        return orders;
    }

    private static void insert(Connection connection, Order order, Optional<String> key, String fingerprint)
            throws SQLException {
        String sql = "INSERT INTO orders (order_id, customer, status, version, created_at, updated_at, idempotency_key,"
                + " fingerprint) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, order.id().toString());
            statement.setString(2, order.customer());
            statement.setString(3, order.status().word());
            statement.setInt(4, order.version());
            statement.setObject(5, utc(order.createdAt()));
            statement.setObject(6, utc(order.updatedAt()));
            statement.setString(7, key.orElse(null));
            statement.setString(8, fingerprint);
            statement.executeUpdate();
        }
        insertItems(connection, order);
    }

    private static void insertItems(Connection connection, Order order) throws SQLException {
        String sql = "INSERT INTO order_items (order_id, position, sku, quantity, unit_price_cents) VALUES (?, ?, ?, ?, ?)";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            int position = 0;
            for (Item item : order.items()) {
                statement.setString(1, order.id().toString());
                statement.setInt(2, ++position);
                statement.setString(3, item.sku());
                statement.setInt(4, item.quantity());
                statement.setInt(5, item.unitPriceCents());
                statement.addBatch();
            }
            statement.executeBatch();
        }
    }

    private static void update(Connection connection, Order order) throws SQLException {
        String sql = "UPDATE orders SET customer = ?, status = ?, version = ?, updated_at = ? WHERE order_id = ?";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, order.customer());
            statement.setString(2, order.status().word());
            statement.setInt(3, order.version());
            statement.setObject(4, utc(order.updatedAt()));
            statement.setString(5, order.id().toString());
            statement.executeUpdate();
        }
    }

    private static void deleteItems(Connection connection, UUID id) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("DELETE FROM order_items WHERE order_id = ?")) {
            statement.setString(1, id.toString());
            statement.executeUpdate();
        }
    }

    private static LocalDateTime utc(Instant instant) {
        return LocalDateTime.ofInstant(instant, ZoneOffset.UTC);
    }

    private static Instant instant(ResultSet rows, String column) throws SQLException {
        return rows.getObject(column, LocalDateTime.class).toInstant(ZoneOffset.UTC);
    }
}
