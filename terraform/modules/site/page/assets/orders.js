// Orders: the list, and the form for a new one.

import { count, explain, patiently } from './api.js';
import { session } from './session.js';
import { $, announce, busy, clear, fromTemplate, money, notify, notifyError, time } from './view.js';

const PRINTS = [
  { sku: 'print-10x15', name: '10\u00a0×\u00a015\u00a0cm', unit_price_cents: 49 },
  { sku: 'print-20x30', name: '20\u00a0×\u00a030\u00a0cm', unit_price_cents: 390 },
  { sku: 'canvas-40x60', name: 'Canvas 40\u00a0×\u00a060\u00a0cm', unit_price_cents: 2900 },
];
const NAMES = Object.fromEntries(PRINTS.map(({ sku, name }) => [sku, name]));
const UNAVAILABLE = 'Orders are not available right now.';
const PAGE = 10;

const form = $('order-form');
let apiKey = '';
let next = null;
let showing = new AbortController();
let attempt = null; // idempotency key of the order in the form, kept until it is placed or changed

export function start(config) {
  apiKey = config.api_key;
  $('catalogue').append(...PRINTS.map(newPrint));
  $('orders-refresh').addEventListener('click', () => show());
  $('orders-more').addEventListener('click', () => show(next));
  form.addEventListener('input', () => { attempt = null; addUp(); });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    busy(form.querySelector('[type=submit]'), 'Placing…', place);
  });
  addUp();
}

/** Stop trying to show orders. */
export function rest() {
  showing.abort();
}

/** Take away what the last person saw and was about to order. */
export function forget() {
  attempt = null;
  form.reset();
  addUp();
  $('order-list').replaceChildren();
  $('orders-more').hidden = true;
  clear($('orders-notice'));
  clear($('order-notice'));
}

/** Show the newest orders, or those that follow after a page. Tries on and on while the service is away. */
export async function show(after = null) {
  showing.abort();
  const { signal } = (showing = new AbortController());
  let waited = false;
  const onWait = (error, seconds) => new Promise((tryNow) => {
    waited = true;
    const words = explain(error, { unavailable: UNAVAILABLE });
    notify($('orders-notice'), `${words} The next try is in ${count(seconds, 'second')}.`, {
      requestId: error.requestId, action: { label: 'Try now', run: tryNow },
    });
  });
  const query = new URLSearchParams({ limit: PAGE, ...(after && { next: after }) });
  try {
    const page = await patiently(() => call(`/v1/orders?${query}`), { tries: Infinity, onWait, signal });
    if (signal.aborted) return;
    clear($('orders-notice'));
    if (waited) announce('Orders are available again.');
    if (!after) $('order-list').replaceChildren();
    $('order-list').append(...page.orders.map(asItem));
    next = page.next;
    $('orders-more').hidden = !next;
    sayIfEmpty();
  } catch (error) {
    if (signal.aborted || error.status === 401) return; // the page shows why
    notifyError($('orders-notice'), error, {
      unavailable: UNAVAILABLE,
      action: { label: 'Try again', run: () => show(after) },
    });
  }
}

async function place() {
  const customer = $('customer').value.trim();
  const items = chosen();
  const missing = !customer ? [$('customer'), 'Please say who the order is for.']
    : !items.length ? [$('catalogue').querySelector('input'), 'Please choose at least one print.'] : null;
  if (missing) {
    notify($('order-notice'), missing[1]);
    missing[0].focus();
    return;
  }
  // The same key with each try: an order whose answer was lost isn't placed twice.
  attempt ??= crypto.randomUUID();
  const headers = { 'Idempotency-Key': attempt };
  const onWait = (error, seconds) => {
    const words = explain(error, { unavailable: UNAVAILABLE });
    notify($('order-notice'), `${words} Trying again in ${count(seconds, 'second')}…`, { requestId: error.requestId });
  };
  try {
    const order = await patiently(() => call('/v1/orders', { method: 'POST', json: { customer, items }, headers }), {
      tries: 3, onWait,
    });
    form.reset();
    $('customer').value = session.current?.username ?? '';
    attempt = null;
    addUp();
    notify($('order-notice'), `Thank you! The order over ${money(order.total_cents)} is placed.`, { good: true });
    await show();
  } catch (error) {
    if (error.status === 401) return;
    notifyError($('order-notice'), error, {
      unavailable: `${UNAVAILABLE} Your order is still in the form; placing it again won’t double it.`,
    });
  }
}

function call(path, { headers = {}, ...rest } = {}) {
  return session.request(path, { ...rest, headers: { 'x-api-key': apiKey, ...headers } });
}

function newPrint({ sku, name, unit_price_cents: price }) {
  const row = fromTemplate('print-template');
  const [label, input] = [row.querySelector('label'), row.querySelector('input')];
  input.id = input.name = sku;
  label.htmlFor = sku;
  label.textContent = name;
  row.querySelector('.price').textContent = money(price);
  for (const [selector, step, words] of [['.less', -1, 'One less of'], ['.add', 1, 'One more of']]) {
    const button = row.querySelector(selector);
    button.setAttribute('aria-label', `${words} ${name}`);
    button.addEventListener('click', () => {
      input.value = Math.min(99, Math.max(0, quantity(input) + step));
      input.dispatchEvent(new Event('input', { bubbles: true }));
    });
  }
  return row;
}

function quantity(input) {
  const number = Math.trunc(Number(input.value));
  return number >= 0 && number <= 99 ? number : 0;
}

function chosen() {
  return PRINTS.map(({ sku, unit_price_cents }) => ({ sku, quantity: quantity($(sku)), unit_price_cents }))
    .filter((item) => item.quantity > 0);
}

function addUp() {
  $('total').textContent = money(chosen().reduce((sum, item) => sum + item.quantity * item.unit_price_cents, 0));
}

function asItem(order) {
  const item = fromTemplate('order-template');
  item.dataset.orderId = order.order_id;
  item.querySelector('.customer').textContent = order.customer;
  item.querySelector('.total').textContent = money(order.total_cents);
  const items = order.items.map((each) => `${each.quantity} of ${NAMES[each.sku] ?? each.sku}`);
  item.querySelector('.items').textContent = items.join(', ');
  item.querySelector('.badge').textContent = order.status;
  item.querySelector('time').dateTime = order.created_at;
  item.querySelector('time').textContent = time(order.created_at);
  item.querySelector('code').textContent = String(order.order_id).slice(0, 8);
  return item;
}

function sayIfEmpty() {
  $('orders-empty').hidden = $('order-list').childElementCount > 0;
}
