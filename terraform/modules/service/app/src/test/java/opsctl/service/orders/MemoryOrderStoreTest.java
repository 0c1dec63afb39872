package opsctl.service.orders;

class MemoryOrderStoreTest extends OrderStoreContract {
    private final OrderStore store = new MemoryOrderStore();

    @Override
    protected OrderStore store() {
        return store;
    }
}
