// Joins the parts: the configuration, who is signed in, and what they may see.

import { request } from './api.js';
import * as orders from './orders.js';
import * as photos from './photos.js';
import { session } from './session.js';
import { $, announce, busy, clear, notify, notifyError } from './view.js';

let last = null; // who was signed in last

function render() {
  const current = session.current;
  document.body.classList.toggle('signed-out', !current);
  $('account').hidden = !current;
  $('account-name').textContent = current?.username ?? '';
  $('sign-in').hidden = Boolean(current);
  $('upload').hidden = !session.may('photos:write');
  $('order').hidden = !session.may('orders:write');
  $('orders').hidden = !session.may('orders:read');
  if (!current) return;
  if (last && last !== current.username) forget();
  last = current.username;
  $('customer').value ||= current.username;
  if (session.may('orders:read')) orders.show();
}

function forget() {
  orders.forget();
  photos.forget();
}

session.addEventListener('change', ({ detail }) => {
  render();
  if (session.current) {
    clear($('sign-in-notice'));
    announce(`Signed in as ${session.current.username}.`);
    ($('order').hidden ? $('photos') : $('order')).focus({ preventScroll: true });
  } else {
    orders.rest();
    if (detail.why === 'expired') {
      // What was begun stays: whoever signs in again goes on with it.
      notify($('sign-in-notice'), 'Your session has ended. Please sign in again.');
    } else {
      forget();
      announce('Signed out.');
    }
    $('username').focus();
  }
});

$('sign-in-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const form = event.target;
  busy(form.querySelector('button'), 'Signing in…', async () => {
    try {
      await session.signIn(form.username.value.trim(), form.password.value);
      form.reset();
    } catch (error) {
      notifyError($('sign-in-notice'), error, {
        401: 'This name and password don’t belong together.',
        unavailable: 'Signing in is not possible right now. Please try again in a moment.',
      });
      form.password.select();
    }
  });
});

$('sign-out').addEventListener('click', () => session.signOut());

try {
  const config = await request('/site.json');
  $('environment').textContent = config.environment ?? '';
  $('environment').hidden = !config.environment || config.environment.startsWith('prod');
  orders.start(config);
  render();
  await photos.start(config);
} catch (error) {
  notifyError($('photos-notice'), error, {
    unavailable: 'This page is not available right now.',
    404: 'This page has not been set up completely.',
    403: 'This page has not been set up completely.',
    action: { label: 'Reload', run: () => location.reload() },
  });
}
