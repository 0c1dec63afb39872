package opsctl.service.orders;

import java.util.regex.Pattern;

/**
 * One line of an order.
 *
 * @param sku stock keeping unit: 1 to 64 letters, digits, dots, hyphens and underscores
 * @param quantity 1 to 10 000
 * @param unitPriceCents 0 to 100 000 000
 */
public record Item(String sku, int quantity, int unitPriceCents) {
    private static final Pattern SKU = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    public Item {
        InvalidOrder.unless(
                sku != null && SKU.matcher(sku).matches(), "sku must be 1 to 64 letters, digits, dots, hyphens and underscores");
        InvalidOrder.unless(quantity >= 1 && quantity <= 10_000, "quantity must be 1 to 10000");
        InvalidOrder.unless(unitPriceCents >= 0 && unitPriceCents <= 100_000_000, "unit_price_cents must be 0 to 100000000");
    }

    public long totalCents() {
        return (long) quantity * unitPriceCents;
    }
}
