-- Ids are UUIDs of version 7: they sort by time of creation, so rows are added at the end and pages are ranges of the key.
CREATE TABLE orders (
    order_id        CHAR(36)     CHARACTER SET ascii NOT NULL PRIMARY KEY,
    customer        VARCHAR(200) NOT NULL,
    status          VARCHAR(16)  CHARACTER SET ascii NOT NULL,
    version         INT          NOT NULL,
    created_at      DATETIME(3)  NOT NULL COMMENT 'UTC',
    updated_at      DATETIME(3)  NOT NULL COMMENT 'UTC',
    idempotency_key VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NULL UNIQUE,
    fingerprint     CHAR(64)     CHARACTER SET ascii NOT NULL COMMENT 'SHA-256 of the request that the key came with'
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;

CREATE TABLE order_items (
    order_id         CHAR(36)    CHARACTER SET ascii NOT NULL,
    position         INT         NOT NULL,
    sku              VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    quantity         INT         NOT NULL,
    unit_price_cents INT         NOT NULL,
    PRIMARY KEY (order_id, position),
    FOREIGN KEY (order_id) REFERENCES orders (order_id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4;
