package opsctl.service.http;

import io.javalin.Javalin;
import io.javalin.http.Context;
import java.io.IOException;
import java.time.Instant;
import java.time.InstantSource;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import opsctl.service.orders.Order;
import opsctl.service.orders.OrderIds;
import opsctl.service.orders.OrderStore;
import opsctl.service.orders.VersionMismatch;

/** The order's requests: a request becomes a call of the store, its outcome a response. */
final class OrderRoutes {
    static final int LARGEST_BODY_BYTES = 1024 * 1024;
    private static final int USUAL_LIMIT = 20;
    private static final int LARGEST_LIMIT = 100;
    private static final Pattern UUID_FORM =
            Pattern.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", Pattern.CASE_INSENSITIVE);
    /** Visible ASCII, as draft-ietf-httpapi-idempotency-key-header leaves it to the server. */
    private static final Pattern KEY = Pattern.compile("[\\x21-\\x7E]{1,255}");
    /** A strong entity tag (RFC 9110, section 8.8.3) or the bare number. */
    private static final Pattern TAG = Pattern.compile("\"?([1-9][0-9]{0,8})\"?");

    private final OrderStore store;
    private final OrderIds ids;
    private final InstantSource clock;

    OrderRoutes(OrderStore store, OrderIds ids, InstantSource clock) {
        this.store = store;
        this.ids = ids;
        this.clock = clock;
    }

    void addTo(Javalin app) {
        app.post("/orders", this::place);
        app.get("/orders", this::list);
        app.get("/orders/{id}", this::show);
        app.put("/orders/{id}", this::change);
        app.delete("/orders/{id}", this::delete);
    }

    private void place(Context context) {
        Optional<String> key = Optional.ofNullable(context.header("Idempotency-Key"));
        if (key.isPresent() && !KEY.matcher(key.get()).matches()) {
            throw new BadRequest(400, "Idempotency-Key must be 1 to 255 visible ASCII characters");
        }
        var draft = OrderJson.read(body(context)).draft();
        var placement = store.place(Order.placed(ids.next(), draft, now()), key, draft.fingerprint());
        context.header("Location", "/v1/orders/" + placement.order().id());
        answer(context.status(placement.created() ? 201 : 200), placement.order());
    }

    private void list(Context context) {
        Optional<UUID> after = Optional.ofNullable(context.queryParam("next")).map(next -> uuid(next)
                .orElseThrow(() -> new BadRequest(400, "next must be what an earlier page gave")));
        context.json(OrderJson.view(store.list(limit(context), after)));
    }

    private static int limit(Context context) {
        String text = context.queryParam("limit");
        if (text == null) {
            return USUAL_LIMIT;
        }
        if (!text.matches("[1-9][0-9]{0,2}") || Integer.parseInt(text) > LARGEST_LIMIT) {
            throw new BadRequest(400, "limit must be 1 to " + LARGEST_LIMIT);
        }
        return Integer.parseInt(text);
    }

    private void show(Context context) {
        answer(context, id(context).flatMap(store::find).orElseThrow(OrderRoutes::noSuchOrder));
    }

    private void change(Context context) {
        var body = OrderJson.read(body(context));
        Optional<Integer> expected = ifMatch(context);
        var changed = id(context).flatMap(id -> store.change(id, order -> {
            if (expected.isPresent() && expected.get() != order.version()) {
                throw new VersionMismatch("the order is at version " + order.version());
            }
            return order.changed(body.draft(), body.status().orElse(order.status()), now());
        }));
        answer(context, changed.orElseThrow(OrderRoutes::noSuchOrder));
    }

    private void delete(Context context) {
        if (!id(context).map(store::delete).orElse(false)) {
            throw noSuchOrder();
        }
        context.status(204);
    }

    /** The version that the client saw; none for {@code *} and without the header. */
    private static Optional<Integer> ifMatch(Context context) {
        String text = context.header("If-Match");
        if (text == null || text.equals("*")) {
            return Optional.empty();
        }
        Matcher matcher = TAG.matcher(text);
        if (!matcher.matches()) {
            throw new BadRequest(400, "If-Match must be an order's version, such as \"3\"");
        }
        return Optional.of(Integer.valueOf(matcher.group(1)));
    }

    private static void answer(Context context, Order order) {
        context.header("ETag", "\"" + order.version() + "\"").json(OrderJson.view(order));
    }

    /** An id that isn't one names no order. */
    private static Optional<UUID> id(Context context) {
        return uuid(context.pathParam("id"));
    }

    private static Optional<UUID> uuid(String text) {
        return UUID_FORM.matcher(text).matches() ? Optional.of(UUID.fromString(text)) : Optional.empty();
    }

    private static BadRequest noSuchOrder() {
        return new BadRequest(404, "there is no such order");
    }

    /** The length that a request states may be wrong or missing, so the bytes are counted. */
    private static byte[] body(Context context) {
        try {
            byte[] bytes = context.bodyInputStream().readNBytes(LARGEST_BODY_BYTES + 1);
            if (bytes.length > LARGEST_BODY_BYTES) {
                context.header("Connection", "close");
                throw new BadRequest(413, "the body must be at most 1 MB");
            }
            return bytes;
        } catch (IOException error) {
            throw new BadRequest(400, "the body could not be read");
        }
    }

    private Instant now() {
        return clock.instant().truncatedTo(ChronoUnit.MILLIS);
    }
}
