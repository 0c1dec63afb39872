from common.documents import fetch


def place(order, store):
    if not store.load(order):
        fetch("templates", order)
        store.save(order)
