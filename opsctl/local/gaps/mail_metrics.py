"""SES: Send and Delivery, namespace AWS/SES, without a dimension. MiniStack publishes none.

Source: SES developer guide, "Monitoring your Amazon SES sending activity using CloudWatch"
(https://docs.aws.amazon.com/ses/latest/dg/monitor-sending-activity.html). Every mail counts as delivered: nothing
bounces here.
"""

from __future__ import annotations

from opsctl.local.gaps.gap import Gap
from opsctl.local.metrics import metric


class MailMetrics(Gap):
    async def install(self) -> None:
        self._counted: dict[tuple[str, str], int] = {}
        self.cloud.metrics.gauges.append(self._count)

    def _count(self) -> None:
        """MiniStack keeps each mail, by whichever call it was sent."""
        from ministack.services import ses

        for (account_id, region, _), mails in ses._sent_emails.all_items():
            new = mails[self._counted.get((account_id, region), 0) :]
            self._counted[account_id, region] = len(mails)
            for mail in new:
                for name in ("Send", "Delivery"):
                    self.cloud.metrics.record(metric(account_id, region, "AWS/SES", name, ()), at=mail["Timestamp"])
