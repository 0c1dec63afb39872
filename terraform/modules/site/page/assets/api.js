// Every request of the page, and what went wrong with one in words that a person can use.

const TIMEOUT_MS = 35_000; // API Gateway gives up after 29 s

export class ApiError extends Error {
  /** status: HTTP status, 0 without an answer. retryAfter: seconds, or null. said: the server's own message. */
  constructor(status, { requestId = '', retryAfter = null, said = '' } = {}) {
    super(said || `status ${status}`);
    Object.assign(this, { status, requestId, retryAfter, said });
  }

  /** Worth another try by itself: nobody answered, or whoever should was away. */
  get isTemporary() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

/** Send a request and return its JSON (null for an empty answer). Throws ApiError. */
export async function request(path, { method = 'GET', headers = {}, json, body = json && JSON.stringify(json) } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      body,
      headers: { Accept: 'application/json', ...(json && { 'Content-Type': 'application/json' }), ...headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError(0);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new ApiError(response.status, {
    requestId: answer?.request_id ?? requestIdIn(response.headers),
    retryAfter: secondsIn(response.headers.get('Retry-After')),
    said: typeof answer?.message === 'string' ? answer.message : '',
  });
}

function requestIdIn(headers) {
  const names = ['x-request-id', 'x-amzn-requestid', 'x-amz-request-id', 'x-amz-cf-id'];
  return names.map((name) => headers.get(name)).find(Boolean) ?? '';
}

function secondsIn(retryAfter) {
  return /^\d+$/.test(retryAfter ?? '') ? Number(retryAfter) : null;
}

const WORDS = {
  400: 'The server could not make sense of this request.',
  401: 'You are signed out. Please sign in again.',
  403: 'This is not allowed: your account may not do it, or the request looked dangerous.',
  404: 'This is not here (any more).',
  405: 'The server does not take this kind of request.',
  409: 'Somebody else was faster. Refresh, and try again.',
  412: 'It has been changed in the meantime. Refresh, and try again.',
  413: 'This is too large: 10 MB at most.',
  415: 'Only JPEG, PNG and WebP pictures are taken.',
  429: 'That was a little fast.',
};

/** One or two sentences for a person. `special`: words for some statuses, `unavailable`: for 5xx. */
export function explain(error, { unavailable = 'The server is not available right now.', ...special } = {}) {
  if (!(error instanceof ApiError)) return 'Something went wrong in this page. Please reload it.';
  if (special[error.status]) return special[error.status];
  if (error.status === 0) return navigator.onLine ? 'The server did not answer.' : 'You seem to be offline.';
  if (error.status === 422 || error.status === 400) return error.said || WORDS[400];
  if (error.status === 429) return `${error.said || WORDS[429]} Please wait ${count(error.retryAfter ?? 5, 'second')}.`;
  return WORDS[error.status] ?? (error.status >= 500 ? unavailable : `The server refused (${error.status}).`);
}

export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Call until it succeeds, as often as `tries` says, waiting longer each time, and at least as long as the server asks.
 *  Before each wait `onWait(error, seconds)` is told; it may return a promise that ends the wait early. */
export async function patiently(call, { tries, onWait = () => {}, signal }) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof ApiError && error.isTemporary) || tried >= tries || signal?.aborted) throw error;
      const seconds = Math.max(error.retryAfter ?? 0, Math.min(60, 2 ** tried));
      // A random part, so that all pages that saw the same failure don't come back in the same moment.
      await Promise.race([wait(seconds + Math.random(), signal), onWait(error, seconds) ?? new Promise(() => {})]);
      if (signal?.aborted) throw error;
    }
  }
}

export function wait(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
