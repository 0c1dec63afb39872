// Who is signed in. The token stays in this tab (sessionStorage) and ends with it, or when it expires.

import { ApiError, request } from './api.js';

const KEY = 'session';
const MARGIN_MS = 5_000; // a request that leaves just before the end would arrive after it

/** Events: `change` when somebody signs in, signs out (detail.why says why, '' for a wish) or the token expires. */
class Session extends EventTarget {
  #timer;

  constructor() {
    super();
    this.#schedule();
    // A timer sleeps with the machine.
    document.addEventListener('visibilitychange', () => this.#schedule());
  }

  /** { username, token, scopes, expiresAt } or null. */
  get current() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(KEY));
      return kept?.expiresAt > Date.now() ? kept : null;
    } catch {
      return null;
    }
  }

  may(scope) {
    return this.current?.scopes.includes(scope) ?? false;
  }

  async signIn(username, password) {
    const answer = await request('/v1/auth/token', { method: 'POST', json: { username, password } });
    if (!answer?.access_token) throw new ApiError(502);
    sessionStorage.setItem(KEY, JSON.stringify({
      username,
      token: answer.access_token,
      scopes: (answer.scope ?? '').split(' '),
      expiresAt: Date.now() + answer.expires_in * 1000 - MARGIN_MS,
    }));
    this.#schedule();
    this.#tell('');
  }

  signOut(why = '') {
    sessionStorage.removeItem(KEY);
    clearTimeout(this.#timer);
    this.#tell(why);
  }

  /** As `request`, with the token. A token that is no longer good signs out. */
  async request(path, { headers = {}, ...rest } = {}) {
    const token = this.current?.token;
    try {
      if (!token) throw new ApiError(401);
      return await request(path, { ...rest, headers: { ...headers, Authorization: `Bearer ${token}` } });
    } catch (error) {
      // Only if it is still the same token: a late answer must not end a new session.
      if (error.status === 401 && this.current?.token === token) this.signOut('expired');
      throw error;
    }
  }

  #schedule() {
    clearTimeout(this.#timer);
    if (!sessionStorage.getItem(KEY)) return;
    const session = this.current;
    if (!session) this.signOut('expired');
    else this.#timer = setTimeout(() => this.#schedule(), Math.max(0, session.expiresAt - Date.now()) + 50);
  }

  #tell(why) {
    this.dispatchEvent(new CustomEvent('change', { detail: { why } }));
  }
}

export const session = new Session();
