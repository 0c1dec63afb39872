"""Payment methods that the sandbox knows by heart."""

DECLINED = "tok_declined"
UNAVAILABLE = "tok_unavailable"
