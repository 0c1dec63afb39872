package opsctl.service.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.concurrent.CountDownLatch;
import java.util.random.RandomGenerator;
import opsctl.service.orders.MemoryOrderStore;
import opsctl.service.orders.OrderIds;
import opsctl.service.orders.StoreUnavailable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a client sees: the real server on a free port, over the store in memory. */
@Timeout(20)
class ServerTest {
    private static final Instant NOW = Instant.parse("2026-01-02T03:04:05.678Z");
    private static final String ORDER =
            "{\"customer\": \"Ada\", \"items\": [{\"sku\": \"A-1\", \"quantity\": 2, \"unit_price_cents\": 250}]}";

    private static final MemoryOrderStore store = new MemoryOrderStore();
    private static final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private static Server shared;

    private Server server = shared;

    private static Server server(Duration drain) {
        var ids = new OrderIds(InstantSource.system(), RandomGenerator.getDefault());
        var meters = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        return new Server("127.0.0.1", 0, drain, store, ids, InstantSource.fixed(NOW), meters);
    }

    @BeforeAll
    static void start() {
        shared = server(Duration.ZERO);
    }

    @AfterAll
    static void stop() throws InterruptedException {
        shared.close();
    }

    @BeforeEach
    void clear() {
        store.clear();
    }

    private HttpResponse<String> send(String method, String path, BodyPublisher body, String... headers) {
        var request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + path))
                .method(method, body);
        if (headers.length > 0) {
            request.headers(headers);
        }
        try {
            return client.send(request.build(), BodyHandlers.ofString());
        } catch (IOException | InterruptedException error) {
            throw new AssertionError(error);
        }
    }

    private HttpResponse<String> send(String method, String path, String body, String... headers) {
        return send(method, path, BodyPublishers.ofString(body), headers);
    }

    private HttpResponse<String> get(String path, String... headers) {
        return send("GET", path, BodyPublishers.noBody(), headers);
    }

    private static JsonNode json(HttpResponse<String> response) {
        try {
            return OrderJson.MAPPER.readTree(response.body());
        } catch (IOException error) {
            throw new AssertionError(response.body(), error);
        }
    }

    private String place() {
        return json(send("POST", "/orders", ORDER)).get("order_id").textValue();
    }

    private static String header(HttpResponse<String> response, String name) {
        return response.headers().firstValue(name).orElse(null);
    }

    @Test
    void an_order_is_placed_and_read() {
        var placed = send("POST", "/orders", ORDER);
        assertEquals(201, placed.statusCode());
        String id = json(placed).get("order_id").textValue();
        assertEquals("/v1/orders/" + id, header(placed, "Location"));
        assertEquals("\"1\"", header(placed, "ETag"));
        assertEquals(
                "{\"order_id\":\"" + id + "\",\"customer\":\"Ada\",\"status\":\"placed\","
                        + "\"items\":[{\"sku\":\"A-1\",\"quantity\":2,\"unit_price_cents\":250}],\"total_cents\":500,"
                        + "\"version\":1,\"created_at\":\"2026-01-02T03:04:05.678Z\","
                        + "\"updated_at\":\"2026-01-02T03:04:05.678Z\"}",
                placed.body());
        assertEquals(placed.body(), get("/orders/" + id).body());
        assertEquals("application/json", header(placed, "Content-Type"));
    }

    @Test
    void a_repeated_key_gives_the_first_order_and_another_request_under_it_is_refused() {
        var first = send("POST", "/orders", ORDER, "Idempotency-Key", "k");
        var second = send("POST", "/orders", ORDER, "Idempotency-Key", "k");
        assertEquals(201, first.statusCode());
        assertEquals(200, second.statusCode());
        assertEquals(first.body(), second.body());
        assertEquals(422, send("POST", "/orders", ORDER.replace("Ada", "Bob"), "Idempotency-Key", "k").statusCode());
        assertEquals(400, send("POST", "/orders", ORDER, "Idempotency-Key", "a key").statusCode());
    }

    @Test
    void a_change_needs_the_version_that_the_client_names() {
        String path = "/orders/" + place();
        String paid = ORDER.replaceFirst("}$", ", \"status\": \"paid\"}");
        assertEquals(412, send("PUT", path, paid, "If-Match", "\"2\"").statusCode());
        var changed = send("PUT", path, paid, "If-Match", "\"1\"");
        assertEquals(200, changed.statusCode());
        assertEquals("\"2\"", header(changed, "ETag"));
        assertEquals("paid", json(changed).get("status").textValue());
        assertEquals(200, send("PUT", path, ORDER, "If-Match", "2").statusCode(), "the bare number");
        assertEquals(200, send("PUT", path, ORDER).statusCode(), "whatever the version is");
        assertEquals(400, send("PUT", path, ORDER, "If-Match", "yesterday").statusCode());
        assertEquals("paid", json(get(path)).get("status").textValue(), "without a status it stays");
        assertEquals(409, send("PUT", path, paid.replace("paid", "placed")).statusCode());
    }

    @Test
    void a_deleted_order_is_gone() {
        String path = "/orders/" + place();
        assertEquals(204, send("DELETE", path, BodyPublishers.noBody()).statusCode());
        assertEquals(404, send("DELETE", path, BodyPublishers.noBody()).statusCode());
        assertEquals(404, get(path).statusCode());
        assertEquals(404, send("PUT", path, ORDER).statusCode());
    }

    @Test
    void pages_go_on_from_each_other() {
        for (int number = 0; number < 3; number++) {
            place();
        }
        JsonNode first = json(get("/orders?limit=2"));
        JsonNode second = json(get("/orders?limit=2&next=" + first.get("next").textValue()));
        assertEquals(2, first.get("orders").size());
        assertEquals(1, second.get("orders").size());
        assertTrue(second.get("next").isNull());
    }

    @ParameterizedTest
    @ValueSource(strings = {"limit=0", "limit=101", "limit=x", "limit=1%20OR%201", "next=x", "next=1'--"})
    void a_malformed_query_is_refused(String query) {
        assertEquals(400, get("/orders?" + query).statusCode());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "''|400", "{|400", "{\"customer\": \"Ada\"} x|400", "{\"customer\": 1, \"customer\": 2}|400",
                "[]|422", "null|422", "{}|422", "{\"customer\": 5, \"items\": []}|422",
                "{\"customer\": \"Ada\", \"items\": {}}|422", "{\"customer\": \"Ada\", \"items\": []}|422",
                "{\"customer\": \"Ada\", \"items\": [null]}|422",
                "{\"customer\": \"Ada\", \"items\": [{\"sku\": \"A\", \"quantity\": 1.5, \"unit_price_cents\": 1}]}|422",
                "{\"customer\": \"Ada\", \"items\": [{\"sku\": \"A\", \"quantity\": 99999999999, \"unit_price_cents\": 1}]}|422",
            })
    void what_is_no_order_is_refused(String body, int status) {
        var response = send("POST", "/orders", body);
        assertEquals(status, response.statusCode(), response.body());
        assertFalse(json(response).get("message").textValue().isEmpty());
    }

    @Test
    void a_wrong_item_is_named_by_its_place() {
        String two = ORDER.replace("]", ", {\"sku\": \"B\", \"quantity\": 0, \"unit_price_cents\": 1}]");
        assertEquals(
                "items[1]: quantity must be 1 to 10000",
                json(send("POST", "/orders", two)).get("message").textValue());
    }

    @Test
    void deeply_nested_json_is_not_json_to_us() {
        assertEquals(400, send("POST", "/orders", "[".repeat(100_000)).statusCode());
    }

    @Test
    void a_large_body_is_refused_whether_it_states_its_length_or_not() {
        byte[] large = new byte[OrderRoutes.LARGEST_BODY_BYTES + 1];
        assertEquals(413, send("POST", "/orders", BodyPublishers.ofByteArray(large)).statusCode());
        var chunked = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(large));
        assertEquals(413, send("POST", "/orders", chunked).statusCode());
    }

    @Test
    void a_wrong_method_is_told_the_right_ones() {
        var response = send("PATCH", "/orders/1", ORDER);
        assertEquals(405, response.statusCode());
        assertEquals("GET, PUT, DELETE", header(response, "Allow"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"/", "/nothing", "/orders/x", "/orders/1/2", "/orders/%2e%2e", "/orders/01a1fea8-c293-7cf0-ac3d-df6028270503"})
    void what_is_not_there_is_404_in_json(String path) {
        var response = get(path);
        assertEquals(404, response.statusCode());
        assertEquals(header(response, "X-Request-Id"), json(response).get("request_id").textValue());
    }

    @Test
    void a_request_id_is_taken_over_unless_it_could_harm_a_log() {
        assertEquals("abc-1=2", header(get("/health/live", "X-Request-Id", "abc-1=2"), "X-Request-Id"));
        String made = header(get("/health/live", "X-Request-Id", "{\"a\": 1}"), "X-Request-Id");
        assertEquals(36, made.length());
        assertEquals(36, header(get("/health/live", "X-Request-Id", "x".repeat(129)), "X-Request-Id").length());
    }

    @ParameterizedTest
    @ValueSource(strings = {"/health/ready", "/orders", "/orders/01a1fea8-c293-7cf0-ac3d-df6028270503"})
    void without_its_database_the_service_asks_for_patience_and_lives(String path) {
        store.before(() -> {
            throw new StoreUnavailable("the database is not available", new IllegalStateException("10.0.0.1"));
        });
        var response = get(path);
        assertEquals(503, response.statusCode());
        assertEquals("5", header(response, "Retry-After"));
        assertEquals("the database is not available", json(response).get("message").textValue());
        assertEquals(200, get("/health/live").statusCode());
        store.before(() -> {});
        assertEquals(200, get("/health/ready").statusCode());
    }

    @Test
    void an_unexpected_failure_shows_nothing_of_the_inside() {
        store.before(() -> {
            throw new IllegalStateException("SELECT secret FROM opsctl.service");
        });
        var response = get("/orders");
        assertEquals(500, response.statusCode());
        assertEquals("internal error", json(response).get("message").textValue());
        assertFalse(response.body().contains("SELECT"));
        assertFalse(response.body().contains("Exception"));
    }

    @Test
    void requests_are_counted_by_route_and_not_by_path() {
        get("/orders/" + place());
        get("/orders/nobody");
        get("/a-path-that-nobody-knows");
        String metrics = get("/metrics").body();
        assertTrue(metrics.contains(
                "http_server_requests_seconds_count{method=\"GET\",status=\"200\",uri=\"/orders/{id}\"} "), metrics);
        assertTrue(metrics.contains("status=\"404\",uri=\"/orders/{id}\"} "), metrics);
        assertFalse(metrics.contains("nobody-knows"), metrics);
    }

    @Test
    void what_is_no_http_is_answered_in_json() throws IOException {
        try (var socket = new Socket("127.0.0.1", server.port())) {
            socket.getOutputStream().write("GET /health/live HTTP/1.1\r\nHost: a b\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            assertTrue(answer.startsWith("HTTP/1.1 400"), answer);
            assertTrue(answer.contains("{\"message\":") || answer.contains("\"request_id\":"), answer);
            assertFalse(answer.contains("Jetty"), answer);
        }
    }

    @Test
    void at_a_stop_ready_says_no_and_connections_are_closed_one_by_one() throws Exception {
        server = server(Duration.ofSeconds(10));
        get("/health/live");
        var stopping = close(server);
        while (header(get("/health/live"), "Connection") == null) {
            Thread.onSpinWait();
        }
        stopping.join(); // well before the 10 seconds: no connection is left
    }

    @Test
    void what_is_under_way_at_a_stop_finishes_though_the_port_is_closed() throws Exception {
        server = server(Duration.ZERO);
        String id = place();
        var begun = new CountDownLatch(1);
        var goOn = new CountDownLatch(1);
        store.before(() -> {
            begun.countDown();
            try {
                goOn.await();
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
        });
        var slow = client.sendAsync(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.port() + "/orders/" + id)).build(),
                BodyHandlers.ofString());
        begun.await();
        int port = server.port();
        var stopping = close(server);
        while (listens(port)) {
            Thread.onSpinWait();
        }
        goOn.countDown();
        assertEquals(200, slow.get().statusCode());
        stopping.join();
    }

    private static Thread close(Server server) {
        var stopping = new Thread(() -> {
            try {
                server.close();
            } catch (InterruptedException error) {
                throw new AssertionError(error);
            }
        });
        stopping.start();
        return stopping;
    }

    private static boolean listens(int port) {
        try (var socket = new Socket("127.0.0.1", port)) {
            return true;
        } catch (IOException refused) {
            return false;
        }
    }
}
