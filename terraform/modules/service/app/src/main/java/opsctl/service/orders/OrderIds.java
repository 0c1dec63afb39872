package opsctl.service.orders;

import java.time.InstantSource;
import java.util.UUID;
import java.util.random.RandomGenerator;

/** Ids that sort by time of creation: UUID version 7, RFC 9562 section 5.7 (48 bits of milliseconds, 74 random bits). */
public final class OrderIds {
    private final InstantSource clock;
    private final RandomGenerator random;

    public OrderIds(InstantSource clock, RandomGenerator random) {
        this.clock = clock;
        this.random = random;
    }

    public UUID next() {
        long high = clock.millis() << 16 | 0x7000 | random.nextLong() & 0x0FFF;
        long low = random.nextLong() & 0x3FFF_FFFF_FFFF_FFFFL | 0x8000_0000_0000_0000L;
        return new UUID(high, low);
    }
}
