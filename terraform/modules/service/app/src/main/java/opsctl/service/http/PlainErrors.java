package opsctl.service.http;

import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.UUID;
import org.eclipse.jetty.http.HttpFields;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.handler.ErrorHandler;

/** JSON for what Jetty refuses before it is a request of ours: a malformed line, headers too large. */
final class PlainErrors extends ErrorHandler {
    @Override
    public void handle(String target, Request base, HttpServletRequest request, HttpServletResponse response)
            throws IOException {
        base.setHandled(true);
        response.setContentType("application/json");
        response.getOutputStream().write(body(response.getStatus()));
    }

    @Override
    public ByteBuffer badMessageError(int status, String reason, HttpFields.Mutable fields) {
        fields.put(HttpHeader.CONTENT_TYPE, "application/json");
        return ByteBuffer.wrap(body(status));
    }

    private static byte[] body(int status) {
        String message = status == 431 ? "the headers are too large" : "the request could not be understood";
        String id = UUID.randomUUID().toString();
        try {
            return OrderJson.MAPPER.writeValueAsBytes(Map.of("message", message, "request_id", id));
        } catch (IOException impossible) {
            return message.getBytes(StandardCharsets.UTF_8);
        }
    }
}
