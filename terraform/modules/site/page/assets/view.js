// Small parts that every section of the page is made of.

import { ApiError, explain } from './api.js';

export const $ = (id) => document.getElementById(id);

export function fromTemplate(id) {
  return $(id).content.firstElementChild.cloneNode(true);
}

/** Tell those who listen to the page rather than look at it. */
export function announce(words) {
  $('announcer').textContent = words;
}

/** Show a notice in its place, instead of the one before. `action`: { label, run }. */
export function notify(place, words, { good = false, requestId = '', action } = {}) {
  const notice = fromTemplate('notice-template');
  notice.classList.toggle('good', good);
  notice.setAttribute('role', good ? 'status' : 'alert');
  notice.querySelector('.words').textContent = words;
  notice.querySelector('.request').hidden = !requestId;
  notice.querySelector('code').textContent = requestId;
  if (action) {
    const button = notice.querySelector('button');
    button.hidden = false;
    button.textContent = action.label;
    button.addEventListener('click', action.run, { once: true });
  }
  place.replaceChildren(notice);
}

export function notifyError(place, error, { action, ...words } = {}) {
  if (!(error instanceof ApiError)) console.error(error);
  notify(place, explain(error, words), { requestId: error.requestId, action });
}

export function clear(place) {
  place.replaceChildren();
}

/** Run `work` while a button says that it is busy; further presses do nothing. */
export async function busy(button, label, work) {
  if (button.getAttribute('aria-disabled') === 'true') return;
  const before = button.textContent;
  button.setAttribute('aria-disabled', 'true');
  button.textContent = label;
  try {
    await work();
  } finally {
    button.removeAttribute('aria-disabled');
    button.textContent = before;
  }
}

const when = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: 'numeric', minute: '2-digit' });
const euros = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'EUR' });

export function time(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? '' : when.format(date);
}

export function money(cents) {
  return euros.format(cents / 100);
}
