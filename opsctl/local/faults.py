"""How an emulator's own error reaches the client: once, and with what went wrong.

SDKs repeat a call that ended with 500, Terraform's provider 25 times: an emulator's bug would look like a hang of half
an hour (measured). 501 is not repeated, and says what it is.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from opsctl.local.exchange import Message, Request, Response, Send, json_response

CODE = "LocalCloudFault"
XML_SERVICES = frozenset({"elasticloadbalancing", "autoscaling", "rds", "iam", "sts", "sns", "cloudfront", "route53"})


def fault(service: str, error: Exception) -> Response:
    """The answer to a call that an emulator failed at, in the form that the service's clients read."""
    message = f"The local cloud failed: {type(error).__name__}: {error}. Its log says more (opsctl local logs)."
    inner = f"<Code>{CODE}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        body = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>local</RequestID></Response>"
    elif service == "s3":
        body = f"<Error>{inner}</Error>"
    elif service in XML_SERVICES:
        body = f"<ErrorResponse><Error>{inner}</Error><RequestId>local</RequestId></ErrorResponse>"
    else:
        return json_response(501, {"__type": CODE, "message": message}, [("x-amzn-errortype", CODE)])
    return Response(501, (("content-type", "text/xml"),)).with_body(body.encode())


def without_retries(request: Request, send: Send) -> Send:
    """Send a 500 to a signed call on as 501. Unsigned calls are data plane: their 500 may be a function's own."""

    async def once(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500 and request.service:
            message["status"] = 501
        await send(message)

    return once
