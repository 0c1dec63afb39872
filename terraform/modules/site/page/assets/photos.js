// The gallery, and photos on their way into it.

import { ApiError, explain, patiently, request, wait } from './api.js';
import { session } from './session.js';
import { $, announce, busy, clear, fromTemplate, notifyError, time } from './view.js';

const TYPES = ['image/jpeg', 'image/png', 'image/webp'];
const LARGEST_BYTES = 10 * 1024 * 1024; // API Gateway's limit of a body
const AT_ONCE = 2;
const PAGE = 24;
const READY_WITHIN_MS = 90_000;

const gallery = $('gallery');
let apiKey = '';
let next = null;

export function start(config) {
  apiKey = config.api_key;
  $('photos-refresh').addEventListener('click', () => busy($('photos-refresh'), 'Refreshing…', () => show()));
  $('photos-more').addEventListener('click', () => busy($('photos-more'), 'Loading…', () => show(next)));
  $('files').addEventListener('change', ({ target }) => { add([...target.files]); target.value = ''; });
  $('upload').addEventListener('submit', (event) => event.preventDefault());
  takeDrops();
  return show();
}

/** Take away what the last person was about to add. */
export function forget() {
  queue.length = 0;
  gallery.querySelectorAll('.pending, .failed').forEach((tile) => tile.remove());
}

/** Show the newest photos, or those that follow after a page. */
async function show(after = null) {
  const query = new URLSearchParams({ limit: PAGE, ...(after && { next: after }) });
  try {
    const page = await patiently(() => request(`/v1/photos?${query}`), { tries: 3 });
    clear($('photos-notice'));
    // The list may be some seconds old (the API caches it): what was added here stays.
    if (!after) gallery.querySelectorAll('.photo:not([data-file])').forEach((tile) => tile.remove());
    page.photos.filter(({ photo_id: id }) => !tileOf(id)).forEach((photo) => gallery.append(fill(newTile(), photo)));
    next = page.next;
    $('photos-more').hidden = !next;
  } catch (error) {
    const action = { label: 'Try again', run: () => show(after) };
    notifyError($('photos-notice'), error, { action, unavailable: 'Photos are not available right now.' });
  }
  sayIfEmpty();
}

function tileOf(id) {
  return gallery.querySelector(`[data-photo-id="${CSS.escape(id)}"]`);
}

function newTile() {
  return fromTemplate('photo-template');
}

function fill(tile, photo) {
  const img = tile.querySelector('img');
  if (img.src.startsWith('blob:')) URL.revokeObjectURL(img.src);
  tile.className = 'photo';
  tile.dataset.photoId = photo.photo_id;
  img.src = photo.thumbnail.url;
  img.alt = `Photo of ${time(photo.created_at)}, ${photo.width} by ${photo.height} pixels`;
  tile.querySelector('.caption').textContent = time(photo.created_at);
  tile.querySelector('.actions').hidden = true;
  return tile;
}

function sayIfEmpty() {
  const notice = $('photos-notice').childElementCount > 0;
  $('gallery-empty').hidden = notice || gallery.childElementCount > 0;
}

// Uploads: a tile each at once, with the picture as it is here, and at most AT_ONCE on their way.

const queue = [];
let sending = 0;

function add(files) {
  for (const file of files) {
    const tile = newTile();
    tile.dataset.file = file.name;
    if (TYPES.includes(file.type)) tile.querySelector('img').src = URL.createObjectURL(file);
    tile.querySelector('img').alt = file.name;
    tile.querySelector('.retry').addEventListener('click', () => enqueue(file, tile));
    tile.querySelector('.remove').addEventListener('click', () => { tile.remove(); $('files').focus(); sayIfEmpty(); });
    gallery.prepend(tile);
    enqueue(file, tile);
  }
  sayIfEmpty();
}

function enqueue(file, tile) {
  say(tile, 'pending', `${file.name}: waiting…`);
  queue.push([file, tile]);
  pump();
}

function pump() {
  while (sending < AT_ONCE && queue.length) {
    sending += 1;
    send(...queue.shift()).finally(() => { sending -= 1; pump(); });
  }
}

async function send(file, tile) {
  try {
    if (!TYPES.includes(file.type)) throw new ApiError(415);
    if (file.size > LARGEST_BYTES) throw new ApiError(413);
    say(tile, 'pending', `${file.name}: sending…`);
    const { photo_id: id } = await session.request('/v1/photos', {
      method: 'POST', body: file, headers: { 'Content-Type': file.type, 'x-api-key': apiKey },
    });
    tile.dataset.photoId = id;
    say(tile, 'pending', `${file.name}: making the thumbnail…`);
    fill(tile, await whenReady(id));
    announce(`${file.name} has been added.`);
  } catch (error) {
    if (!(error instanceof ApiError)) console.error(error);
    const words = explain(error, { 408: 'This photo could not be read. It may be damaged.' });
    const request = error.requestId ? ` (request ${error.requestId})` : '';
    say(tile, 'failed', `${file.name}: ${words}${request}`);
    tile.querySelector('.retry').hidden = [413, 415].includes(error.status);
    announce(`${file.name} was not added. ${words}`);
  }
}

/** The photo once its thumbnail is made. Nobody tells the page when that never happens, so it gives up in the end. */
async function whenReady(id) {
  const end = Date.now() + READY_WITHIN_MS;
  for (let pause = 0.5; Date.now() < end; pause = Math.min(4, pause * 1.4)) {
    await wait(pause);
    try {
      const photo = await request(`/v1/photos/${encodeURIComponent(id)}`);
      if (photo.status === 'ready') return photo;
    } catch (error) {
      if (error.status !== 404 && !error.isTemporary) throw error;
    }
  }
  throw new ApiError(408);
}

function say(tile, state, words) {
  tile.className = `photo ${state}`;
  tile.querySelector('.caption').textContent = words;
  tile.querySelector('.actions').hidden = state !== 'failed';
}

function takeDrops() {
  const root = document.documentElement;
  const hasFiles = (event) => event.dataTransfer?.types.includes('Files');
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault(); // or the browser would leave the page and open the file
    root.classList.toggle('dropping', session.may('photos:write'));
  });
  addEventListener('dragleave', (event) => event.relatedTarget ?? root.classList.remove('dropping'));
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    root.classList.remove('dropping');
    if (session.may('photos:write')) add([...event.dataTransfer.files]);
  });
  addEventListener('paste', (event) => {
    if (session.may('photos:write') && event.clipboardData?.files.length) add([...event.clipboardData.files]);
  });
}
